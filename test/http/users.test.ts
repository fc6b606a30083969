import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api, type ApiResponse } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let api: Api;
let userCount = 0;

before(async () => {
  server = await startServer({ env: { PARTWAY_USER_QUOTA: '5000' } });
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

function assertRejected(answer: ApiResponse, status: number, code: string, what?: string) {
  assert.deepEqual([answer.status, answer.json?.code], [status, code], `${what ?? ''} ${answer.text}`);
}

async function createUser(body: Record<string, unknown> = {}) {
  userCount += 1;
  const answer = await api.post('/users', {
    name: `User ${userCount}`,
    login: `user-${userCount}@example.com`,
    ...body,
  });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

const put = (id: string, body?: unknown) => api.call('PUT', `/users/${id}`, { body });
const listIds = ({ json }: ApiResponse): string[] => json.entries.map(({ id }: { id: string }) => id);

test('a new user has the standard fields and can be read again unchanged', async () => {
  const user = await createUser({ name: 'Ann Ott', login: 'ann@example.com', is_platform_access_only: true });

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

test('an app user needs no login and gets a generated one', async () => {
  const one = await createUser({ login: undefined, is_platform_access_only: true });
  const other = await createUser({ login: null, is_platform_access_only: true });

  assert.notEqual(one.login, other.login);
  assert.match(one.login, /^user-[0-9a-f]{32}@partway\.local$/);
});

test("a user's name, login and space can be changed, and fields that are missing or null keep their values", async () => {
  const { id, modified_at: _made, ...user } = await createUser({ space_amount: 700 });
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

test('a user has the status that was set, and administrators have a role of their own', async () => {
  const { id } = await createUser({ status: 'cannot_delete_edit' });
  const getUser = async (user: string) => (await api.get(`/users/${user}?fields=status,role`)).json;
  assert.deepEqual(await getUser(id), { type: 'user', id, status: 'cannot_delete_edit', role: 'user' });
  for (const status of ['cannot_delete_edit_upload', 'inactive', 'active']) {
    assert.equal((await put(id, { status })).json.status, status);
  }
  const { id: developer } = (await api.get('/users/me')).json;
  assert.equal((await getUser(developer)).role, 'admin');
  assertRejected(await put(developer, { status: 'inactive' }), 403, 'access_denied_insufficient_permissions');
});

test('a login belongs to one user, even if two requests to create or change a user want it at once', async () => {
  const body = { name: 'Twin', login: 'twin@example.com' };
  const answers = await Promise.all([api.post('/users', body), api.post('/users', body)]);
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409]);
  assertRejected(await api.post('/users', body), 409, 'user_login_already_used');
  const [one, other] = [await createUser(), await createUser()];

  assertRejected(await put(one.id, { login: body.login, name: 'changed' }), 409, 'user_login_already_used');
  assert.equal((await api.get(`/users/${one.id}`)).json.name, one.name, 'a rejected change has no effect');
  assert.equal((await put(one.id, { login: one.login })).status, 200, 'users can keep their own login');
  const race = await Promise.all([one, other].map(({ id }) => put(id, { login: 'wanted@example.com' })));
  assert.deepEqual(race.map(({ status }) => status).toSorted(), [200, 409]);
});

test('an invalid user is rejected and not created', async () => {
  const { total_count: count } = (await api.get('/users')).json;
  const valid = { name: 'Whole', login: 'whole@example.com' };
  for (const body of [
    undefined,
    {},
    [],
    'text',
    { login: valid.login },
    { name: valid.name },
    { name: valid.name, login: null, is_platform_access_only: false },
    ...['', '  ', 'a\u0000b', 'a\nb', 'x'.repeat(255), 5, null].map((name) => ({ ...valid, name })),
    ...['', 'with space@example.com', 'a\tb', 'a\u200bb', 'x'.repeat(255), 5].map((login) => ({ ...valid, login })),
    ...[-2, 1.5, '5', 1e15, 1e300].map((space) => ({ ...valid, space_amount: space })),
    { ...valid, is_platform_access_only: 'yes' },
    { ...valid, status: 'retired' },
    { ...valid, status: 1 },
    { ...valid, role: 'owner' },
    { ...valid, external_app_user_id: 5 },
  ]) {
    assertRejected(await api.post('/users', body), 400, 'bad_request', JSON.stringify(body));
  }
  assert.equal((await api.get('/users')).json.total_count, count);
});

test('an invalid or unsupported change is rejected and changes nothing', async () => {
  const user = await createUser();
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
    assertRejected(await put(user.id, body), 400, 'bad_request', JSON.stringify(body));
  }
  assert.deepEqual((await api.get(`/users/${user.id}`)).json, user);
});

test('an unknown user gets 404 for every call', async () => {
  for (const id of ['1234567890123', '0', '01', 'me2', '1/memberships', '*', '%2e%2e', '1e3', '9'.repeat(40)]) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const call = method === 'PUT' ? { body: { name: 'x' } } : {};
      assertRejected(await api.call(method, `/users/${id}`, call), 404, 'not_found', `${method} ${id}`);
    }
  }
});

test('users are listed in pages by offset and by marker, each of them once', async () => {
  for (let more = 0; more < 5; more += 1) await createUser();
  const all = await api.get('/users');
  assert.equal(all.json.total_count, all.json.entries.length);
  assert.deepEqual(all.json.order, [{ by: 'id', direction: 'ASC' }]);
  assert.ok(all.json.entries.some(({ login }: { login: string }) => login === 'developer@partway.local'));

  const byOffset: string[] = [];
  for (let offset = 0; offset < all.json.total_count; offset += 2) {
    const page = await api.get(`/users?limit=2&offset=${offset}&fields=name`);
    assert.deepEqual([page.json.offset, page.json.limit, page.json.total_count], [offset, 2, all.json.total_count]);
    assert.deepEqual(Object.keys(page.json.entries[0]), ['type', 'id', 'name']);
    byOffset.push(...listIds(page));
  }
  const byMarker: string[] = [];
  for (let marker = ''; ; ) {
    const page = await api.get(`/users?usemarker=true&limit=2&marker=${marker}`);
    assert.ok(!('total_count' in page.json) && !('offset' in page.json));
    byMarker.push(...listIds(page));
    if (!('next_marker' in page.json)) break;
    marker = page.json.next_marker;
  }
  assert.deepEqual(byOffset, listIds(all));
  assert.deepEqual(byMarker, listIds(all));
});

test('users are found by the start of their name or login, in any case and without wildcards', async () => {
  const { id } = await createUser({ name: 'Zoë 100%_sure', login: 'zz\\top@example.com' });
  const decoy = await createUser({ name: 'Zoë 1000 sure', login: 'zzztop@example.com' });
  const found = async (term: string, rest = '') =>
    listIds(await api.get(`/users?filter_term=${encodeURIComponent(term)}${rest}`));

  for (const term of ['Zoë 100%_sure', 'zoë 100%', 'zz\\top@', 'ZZ\\T'])
    assert.deepEqual(await found(term), [id], term);
  assert.deepEqual((await found('zoë')).toSorted(), [id, decoy.id].toSorted());
  for (const term of ['oë', '%', '_', 'zz_top', "' or 1=1 --"]) assert.deepEqual(await found(term), [], term);
  for (const type of ['all', 'managed']) assert.deepEqual(await found('zz\\', `&user_type=${type}`), [id]);
  const marked = await api.get('/users?filter_term=zz&usemarker=true&limit=1');
  const rest = await api.get(`/users?filter_term=zz&usemarker=true&limit=1&marker=${marked.json.next_marker}`);
  assert.deepEqual([...listIds(marked), ...listIds(rest)].toSorted(), [id, decoy.id].toSorted());
  assert.ok(!('next_marker' in rest.json));
});

test("no user belongs to another enterprise or has an app's user ID", async () => {
  for (const query of ['user_type=external', 'external_app_user_id=5', 'external_app_user_id=5&usemarker=true']) {
    const { status, json } = await api.get(`/users?${query}`);
    assert.deepEqual([status, json.entries], [200, []], query);
  }
});

test('invalid parameters of a list are rejected', async () => {
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
    assertRejected(await api.get(`/users?${query}`), 400, code, query);
  }
  assert.equal((await api.get('/users?limit=5000')).json.limit, 1000);
});
