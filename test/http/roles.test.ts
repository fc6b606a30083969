import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { API_ROUTES, callOf, type Named } from '../auth/api-routes.ts';
import { downscopedToken } from '../auth/downscoped-token.ts';
import { addApp, tokenOf } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { upload } from './forms.ts';

/** What each status leaves, written down a second time: the server must agree with this, not with itself. */
const STATUSES: Record<string, string[]> = {
  active: ['read', 'download', 'upload', 'replace', 'rename', 'delete', 'change'],
  cannot_delete_edit: ['read', 'download', 'upload'],
  cannot_delete_edit_upload: ['read', 'download'],
};
const NOBODYS = { file: '1234567890123', folder: '1234567890123', session: '0'.repeat(32) };

let server: TestServer;
let owner: Api;
let owned: Named;
/** A token of a user who is inactive by now. */
let gone: string;
let newUser: (name: string) => Promise<{ id: string; token: string }>;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
  owner = new Api(server);
  const app = await addApp(server);
  newUser = async (name) => {
    const { id } = (await owner.post('/users', { name, login: `${name}@example.com` })).json;
    return { id, token: await tokenOf(server, app, id) };
  };
  const { id, token } = await newUser('gone');
  await setStatus(id, 'inactive');
  gone = token;
  const folder = (await owner.post('/folders', { name: 'guarded', parent: { id: '0' } })).json.id;
  const file = (await upload(owner, 'guarded.bin', 'x', folder)).id;
  owned = { folder, file, session: (await owner.createSession('later.bin', 70_000, folder)).id };
});
after(() => server[Symbol.asyncDispose]());

const apiOf = (token?: string) => new Api({ url: server.url, ...(token !== undefined && { token }) });
const setStatus = (id: string, status: string) => owner.call('PUT', `/users/${id}`, { body: { status } });

async function stateOfOwned(): Promise<unknown> {
  const { file, folder, session } = owned;
  return [
    (await owner.get(`/files/${file}`)).json,
    (await owner.get(`/files/${file}/versions`)).json,
    (await owner.get(`/folders/${folder}`)).json,
    (await owner.get(`/files/upload_sessions/${session}`)).json,
    (await owner.get('/folders/0/items')).json,
    (await owner.get('/folders/trash/items')).json,
  ];
}

describe('every route', () => {
  for (const route of API_ROUTES) {
    test(`is closed to who has no token, a wrong one, or one of an inactive user: ${route.method} ${route.url}`, async () => {
      const { path, call } = callOf(route, owned);
      for (const api of [apiOf(), apiOf('x'.repeat(43)), apiOf(gone)]) {
        const answer = await api.call(route.method, path, call);
        assert.deepEqual([answer.status, answer.text], [401, ''], `${route.method} ${route.url}`);
        assert.match(answer.headers['www-authenticate'] ?? '', /error="invalid_token"/);
      }
    });
  }

  test('that names something is closed to another user, and what it names stays as it was', async () => {
    const before = await stateOfOwned();
    const stranger = apiOf((await newUser('stranger')).token);
    for (const route of API_ROUTES) {
      if (route.ofUser || route.url === '/folders/trash/items') continue;
      const { path, call } = callOf(route, owned);
      // Else it is refused for its length alone.
      const body = route.method === 'PUT' && route.url.includes('session') ? Buffer.alloc(65_536) : call.body;
      const answer = await stranger.call(route.method, path, { ...call, body });
      const what = `${route.method} ${route.url}: ${answer.status} ${answer.text}`;
      // A list of the caller's own uploads, of which a stranger has none.
      const isOwnList = route.method === 'GET' && route.url === '/files/upload_sessions';
      if (isOwnList) assert.match(answer.text, /"entries":\[\]/, what);
      else assert.ok([403, 404].includes(answer.status), what);
      assert.doesNotMatch(answer.text, /guarded|later\.bin|developer@/, what);
    }
    assert.deepEqual(await stateOfOwned(), before);
  });

  for (const [status, abilities] of Object.entries(STATUSES)) {
    test(`lets a user who is ${status} do this: ${abilities.join(', ')}`, async () => {
      const { id, token } = await newUser(status);
      assert.equal((await setStatus(id, status)).status, 200);
      const api = apiOf(token);
      for (const route of API_ROUTES.filter(({ url }) => !url.startsWith('/users'))) {
        const { path, call } = callOf(route, NOBODYS);
        const answer = await api.call(route.method, path, call);
        const refused = answer.status === 403 && answer.json?.code === 'access_denied_insufficient_permissions';
        assert.equal(refused, !abilities.includes(route.needs), `${route.method} ${route.url}: ${answer.text}`);
      }
    });
  }
});

test('a user who cannot delete and edit adds files and folders, and destroys nothing', async () => {
  const { id, token } = await newUser('scanner');
  await setStatus(id, 'cannot_delete_edit');
  const api = apiOf(token);

  const folder = (await api.post('/folders', { name: 'scans', parent: { id: '0' } })).json;
  const file = await upload(api, 'scan.pdf', 'pages', folder.id);

  for (const answer of [
    await api.delete(`/files/${file.id}`),
    await api.call('PUT', `/files/${file.id}`, { body: { name: 'other.pdf' } }),
    await api.post(`/files/${file.id}/upload_sessions`, { file_size: 70_000 }),
    await api.delete(`/folders/${folder.id}?recursive=true`),
  ]) {
    assert.deepEqual([answer.status, answer.json.code], [403, 'access_denied_insufficient_permissions']);
  }
  assert.deepEqual(await api.download(file.id), Buffer.from('pages'));
});

test('the permissions of files and folders are what the token and its user’s status leave', async () => {
  const { id, token } = await newUser('clerk');
  const api = apiOf(token);
  const folder = (await api.post('/folders', { name: 'desk', parent: { id: '0' } })).json.id;
  const file = (await upload(api, 'note.txt', 'x', folder)).id;
  const narrow = async (scope: string) => apiOf(await downscopedToken(server, { scope, token }));
  const seen = async (by: Api) => {
    const { json: one } = await by.get(`/files/${file}?fields=permissions`);
    const { json: whole } = await by.get(`/folders/${folder}?fields=permissions,item_collection`);
    assert.deepEqual(whole.item_collection.entries[0].permissions, one.permissions);
    const given = (permissions: Record<string, boolean>) =>
      ['can_download', 'can_upload', 'can_rename', 'can_delete'].filter((name) => permissions[name]);
    return [given(one.permissions), given(whole.permissions)];
  };
  const all = ['can_download', 'can_upload', 'can_rename', 'can_delete'];
  assert.deepEqual(await seen(api), [all, all]);
  assert.deepEqual(await seen(await narrow('base_explorer')), [[], []]);
  const some = ['can_download', 'can_rename'];
  assert.deepEqual(await seen(await narrow('item_download item_rename')), [some, some]);

  await setStatus(id, 'cannot_delete_edit');

  assert.deepEqual(await seen(api), [['can_download'], ['can_download', 'can_upload']]);
});
