import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let api: Api;
let made = 0;

before(async () => {
  server = await startServer({ env: { PARTWAY_USER_QUOTA: '5000' } });
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

function assertRefused(answer: Answer, status: number, code: string, what?: string) {
  assert.deepEqual([answer.status, answer.json?.code], [status, code], `${what ?? ''} ${answer.text}`);
}

async function makeUser(body: Record<string, unknown> = {}) {
  made += 1;
  const answer = await api.post('/users', { name: `User ${made}`, login: `user-${made}@example.com`, ...body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

const put = (id: string, body?: unknown) => api.call('PUT', `/users/${id}`, { body });
const ids = ({ json }: Answer): string[] => json.entries.map(({ id }: { id: string }) => id);

test('a user is made with the standard fields, and found as they were made', async () => {
  const user = await makeUser({ name: 'Ann Ott', login: 'ann@example.com', is_platform_access_only: true });

  const { id, created_at: at, max_upload_size: _max, ...rest } = user;
  assert.match(id, /^[0-9]+$/);
  assert.match(at, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
  assert.deepEqual(rest, {
    type: 'user',
    name: 'Ann Ott',
    login: 'ann@example.com',
    modified_at: at,
    language: 'en',
    timezone: 'UTC',
    space_amount: 5000,
    space_used: 0,
    status: 'active',
    job_title: '',
    phone: '',
    address: '',
  });
  assert.deepEqual((await api.get(`/users/${id}`)).json, user);
  assert.deepEqual((await api.get(`/users/${id}?fields=name,enterprise,is_platform_access_only,nonsense`)).json, {
    type: 'user',
    id,
    name: 'Ann Ott',
    enterprise: { type: 'enterprise', id: '1', name: 'Partway' },
    is_platform_access_only: true,
  });
});

test('a user of an app needs no login and gets one of their own', async () => {
  const one = await makeUser({ login: undefined, is_platform_access_only: true });
  const other = await makeUser({ login: null, is_platform_access_only: true });

  assert.notEqual(one.login, other.login);
  assert.match(one.login, /^user-[0-9a-f]{32}@partway\.local$/);
});

test('a user gets another name, login and space, and what is not said or null stays', async () => {
  const { id, modified_at: _made, ...user } = await makeUser({ space_amount: 700 });
  assert.equal(user.space_amount, 700);

  assert.equal((await put(id, { name: 'Bea' })).json.name, 'Bea');
  assert.equal((await put(id, { login: 'bea@example.com', status: 'active', role: 'user' })).status, 200);
  assert.equal((await put(id, { space_amount: -1 })).json.space_amount, 999_999_999_999_999);
  const echoed = await put(id, { space_amount: 999_999_999_999_999, name: null, login: null, job_title: 'Clerk' });
  assert.equal(echoed.json.space_amount, 999_999_999_999_999);
  const untouched = await put(id);
  const { modified_at: _changed, ...left } = untouched.json;
  assert.equal(untouched.status, 200);
  assert.deepEqual(left, {
    ...user,
    id,
    name: 'Bea',
    login: 'bea@example.com',
    space_amount: 999_999_999_999_999,
    job_title: 'Clerk',
  });
  assert.deepEqual((await api.call('PUT', `/users/${id}?fields=login`, { body: { name: 'Cy' } })).json, {
    type: 'user',
    id,
    login: 'bea@example.com',
  });
});

test('a user has the status that they are given, and administrators have a role of their own', async () => {
  const { id } = await makeUser({ status: 'cannot_delete_edit' });
  const seen = async (user: string) => (await api.get(`/users/${user}?fields=status,role`)).json;
  assert.deepEqual(await seen(id), { type: 'user', id, status: 'cannot_delete_edit', role: 'user' });
  for (const status of ['cannot_delete_edit_upload', 'inactive', 'active']) {
    assert.equal((await put(id, { status })).json.status, status);
  }
  const { id: developer } = (await api.get('/users/me')).json;
  assert.equal((await seen(developer)).role, 'admin');
  assertRefused(await put(developer, { status: 'inactive' }), 403, 'access_denied_insufficient_permissions');
});

test('a login belongs to one user: of two who ask at once one gets it, also by a change', async () => {
  const body = { name: 'Twin', login: 'twin@example.com' };
  const answers = await Promise.all([api.post('/users', body), api.post('/users', body)]);
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409]);
  assertRefused(await api.post('/users', body), 409, 'user_login_already_used');
  const [one, other] = [await makeUser(), await makeUser()];

  assertRefused(await put(one.id, { login: body.login, name: 'changed' }), 409, 'user_login_already_used');
  assert.equal((await api.get(`/users/${one.id}`)).json.name, one.name, 'nothing of a refused change stays');
  assert.equal((await put(one.id, { login: one.login })).status, 200, 'their own is theirs already');
  const race = await Promise.all([one, other].map(({ id }) => put(id, { login: 'wanted@example.com' })));
  assert.deepEqual(race.map(({ status }) => status).toSorted(), [200, 409]);
});

test('what cannot be a user is refused, and nobody is made', async () => {
  const { total_count: count } = (await api.get('/users')).json;
  const whole = { name: 'Whole', login: 'whole@example.com' };
  for (const body of [
    undefined,
    {},
    [],
    'text',
    { login: whole.login },
    { name: whole.name },
    { name: whole.name, login: null, is_platform_access_only: false },
    ...['', '  ', 'a\u0000b', 'a\nb', 'x'.repeat(255), 5, null].map((name) => ({ ...whole, name })),
    ...['', 'with space@example.com', 'a\tb', 'a\u200bb', 'x'.repeat(255), 5].map((login) => ({ ...whole, login })),
    ...[-2, 1.5, '5', 1e15, 1e300].map((space) => ({ ...whole, space_amount: space })),
    { ...whole, is_platform_access_only: 'yes' },
    { ...whole, status: 'retired' },
    { ...whole, status: 1 },
    { ...whole, role: 'owner' },
    { ...whole, external_app_user_id: 5 },
  ]) {
    assertRefused(await api.post('/users', body), 400, 'bad_request', JSON.stringify(body));
  }
  assert.equal((await api.get('/users')).json.total_count, count);
});

test('a change that would be a promise, or makes no sense, is refused and changes nothing', async () => {
  const user = await makeUser();
  for (const body of [
    [],
    'text',
    { name: ' ' },
    { login: 'a b' },
    { space_amount: -2 },
    { name: 'x', status: 'retired' },
    { name: 'x', status: ['inactive'] },
    { name: 'x', role: 'owner' },
    { name: 'x', enterprise: null },
    { name: 'x', is_password_reset_required: true },
    { name: 'x', external_app_user_id: 5 },
  ]) {
    assertRefused(await put(user.id, body), 400, 'bad_request', JSON.stringify(body));
  }
  assert.deepEqual((await api.get(`/users/${user.id}`)).json, user);
});

test('a user who is not there is 404, whatever is asked of them', async () => {
  for (const id of ['1234567890123', '0', '01', 'me2', '1/memberships', '*', '%2e%2e', '1e3', '9'.repeat(40)]) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const call = method === 'PUT' ? { body: { name: 'x' } } : {};
      assertRefused(await api.call(method, `/users/${id}`, call), 404, 'not_found', `${method} ${id}`);
    }
  }
});

test('users are listed page by page, by offset and by marker, each once', async () => {
  for (let more = 0; more < 5; more += 1) await makeUser();
  const all = await api.get('/users');
  assert.equal(all.json.total_count, all.json.entries.length);
  assert.deepEqual(all.json.order, [{ by: 'id', direction: 'ASC' }]);
  assert.ok(all.json.entries.some(({ login }: { login: string }) => login === 'developer@partway.local'));

  const byOffset: string[] = [];
  for (let offset = 0; offset < all.json.total_count; offset += 2) {
    const page = await api.get(`/users?limit=2&offset=${offset}&fields=name`);
    assert.deepEqual([page.json.offset, page.json.limit, page.json.total_count], [offset, 2, all.json.total_count]);
    assert.deepEqual(Object.keys(page.json.entries[0]), ['type', 'id', 'name']);
    byOffset.push(...ids(page));
  }
  const byMarker: string[] = [];
  for (let marker = ''; ; ) {
    const page = await api.get(`/users?usemarker=true&limit=2&marker=${marker}`);
    assert.ok(!('total_count' in page.json) && !('offset' in page.json));
    byMarker.push(...ids(page));
    if (!('next_marker' in page.json)) break;
    marker = page.json.next_marker;
  }
  assert.deepEqual(byOffset, ids(all));
  assert.deepEqual(byMarker, ids(all));
});

test('users are found by how their name or login begins, in any case, and nothing in it is a pattern', async () => {
  const { id } = await makeUser({ name: 'Zoë 100%_sure', login: 'zz\\top@example.com' });
  const decoy = await makeUser({ name: 'Zoë 1000 sure', login: 'zzztop@example.com' });
  const found = async (term: string, rest = '') =>
    ids(await api.get(`/users?filter_term=${encodeURIComponent(term)}${rest}`));

  for (const term of ['Zoë 100%_sure', 'zoë 100%', 'zz\\top@', 'ZZ\\T'])
    assert.deepEqual(await found(term), [id], term);
  assert.deepEqual((await found('zoë')).toSorted(), [id, decoy.id].toSorted());
  for (const term of ['oë', '%', '_', 'zz_top', "' or 1=1 --"]) assert.deepEqual(await found(term), [], term);
  for (const type of ['all', 'managed']) assert.deepEqual(await found('zz\\', `&user_type=${type}`), [id]);
  const marked = await api.get('/users?filter_term=zz&usemarker=true&limit=1');
  const rest = await api.get(`/users?filter_term=zz&usemarker=true&limit=1&marker=${marked.json.next_marker}`);
  assert.deepEqual([...ids(marked), ...ids(rest)].toSorted(), [id, decoy.id].toSorted());
  assert.ok(!('next_marker' in rest.json));
});

test('nobody is of another enterprise, or known by an id of an app', async () => {
  for (const query of ['user_type=external', 'external_app_user_id=5', 'external_app_user_id=5&usemarker=true']) {
    const { status, json } = await api.get(`/users?${query}`);
    assert.deepEqual([status, json.entries], [200, []], query);
  }
});

test('a list that cannot be asked for is refused', async () => {
  for (const [query, code] of [
    ['user_type=robot', 'bad_request'],
    ['user_type=all&user_type=managed', 'bad_request'],
    ['filter_term=a&filter_term=b', 'bad_request'],
    ['marker=nonsense', 'bad_request'],
    [`marker=${Buffer.from('user:0').toString('base64url')}`, 'bad_request'],
    [`marker=${Buffer.from('["name","asc","file","a",1]').toString('base64url')}`, 'bad_request'],
    ['limit=0', 'invalid_limit'],
    ['limit=-1', 'invalid_limit'],
    ['limit=many', 'invalid_limit'],
    ['offset=10001', 'invalid_offset'],
    ['offset=-1', 'invalid_offset'],
  ] as const) {
    assertRefused(await api.get(`/users?${query}`), 400, code, query);
  }
  assert.equal((await api.get('/users?limit=5000')).json.limit, 1000);
});
