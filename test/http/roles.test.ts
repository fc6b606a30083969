import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { API_ROUTES, createCall, type ItemIds } from '../auth/api-routes.ts';
import { createDownscopedToken } from '../auth/downscoped-token.ts';
import { addApp, getUserToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { upload } from './forms.ts';

/**
 * The permissions of each status, written down a second time: the server has to agree with this table, not with itself.
 */
const STATUSES: Record<string, string[]> = {
  active: ['read', 'download', 'upload', 'replace', 'rename', 'delete', 'change'],
  cannot_delete_edit: ['read', 'download', 'upload'],
  cannot_delete_edit_upload: ['read', 'download'],
};
const UNKNOWN_IDS = { file: '1234567890123', folder: '1234567890123', session: '0'.repeat(32) };

let server: TestServer;
let owner: Api;
let owned: ItemIds;
/** The token of a user who has become inactive. */
let inactiveToken: string;
let createUser: (name: string) => Promise<{ id: string; token: string }>;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
  owner = new Api(server);
  const app = await addApp(server);
  createUser = async (name) => {
    const { id } = (await owner.post('/users', { name, login: `${name}@example.com` })).json;
    return { id, token: await getUserToken(server, app, id) };
  };
  const { id, token } = await createUser('gone');
  await setStatus(id, 'inactive');
  inactiveToken = token;
  const folder = (await owner.post('/folders', { name: 'guarded', parent: { id: '0' } })).json.id;
  const file = (await upload(owner, 'guarded.bin', 'x', folder)).id;
  owned = { folder, file, session: (await owner.createSession('later.bin', 70_000, folder)).id };
});
after(() => server[Symbol.asyncDispose]());

const createApi = (token?: string) => new Api({ url: server.url, ...(token !== undefined && { token }) });
const setStatus = (id: string, status: string) => owner.call('PUT', `/users/${id}`, { body: { status } });

async function readOwned(): Promise<unknown> {
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
    test(`rejects a missing token, a wrong one and one of an inactive user: ${route.method} ${route.url}`, async () => {
      const { path, call } = createCall(route, owned);
      for (const api of [createApi(), createApi('x'.repeat(43)), createApi(inactiveToken)]) {
        const answer = await api.call(route.method, path, call);
        assert.deepEqual([answer.status, answer.text], [401, ''], `${route.method} ${route.url}`);
        assert.match(answer.headers['www-authenticate'] ?? '', /error="invalid_token"/);
      }
    });
  }

  test("rejects access to another user's items, and leaves them unchanged", async () => {
    const before = await readOwned();
    const otherUser = createApi((await createUser('stranger')).token);
    for (const route of API_ROUTES) {
      if (route.ofUser || route.url === '/folders/trash/items') continue;
      const { path, call } = createCall(route, owned);
      // Otherwise it would be rejected only for its length.
      const body = route.method === 'PUT' && route.url.includes('session') ? Buffer.alloc(65_536) : call.body;
      const answer = await otherUser.call(route.method, path, { ...call, body });
      const what = `${route.method} ${route.url}: ${answer.status} ${answer.text}`;
      // The list of the caller's own uploads, which is empty.
      const isOwnList = route.method === 'GET' && route.url === '/files/upload_sessions';
      if (isOwnList) assert.match(answer.text, /"entries":\[\]/, what);
      else assert.ok([403, 404].includes(answer.status), what);
      assert.doesNotMatch(answer.text, /guarded|later\.bin|developer@/, what);
    }
    assert.deepEqual(await readOwned(), before);
  });

  for (const [status, abilities] of Object.entries(STATUSES)) {
    test(`allows a user with the status ${status} to ${abilities.join(', ')}`, async () => {
      const { id, token } = await createUser(status);
      assert.equal((await setStatus(id, status)).status, 200);
      const api = createApi(token);
      for (const route of API_ROUTES.filter(({ url }) => !url.startsWith('/users'))) {
        const { path, call } = createCall(route, UNKNOWN_IDS);
        const answer = await api.call(route.method, path, call);
        const rejected = answer.status === 403 && answer.json?.code === 'access_denied_insufficient_permissions';
        assert.equal(rejected, !abilities.includes(route.needs), `${route.method} ${route.url}: ${answer.text}`);
      }
    });
  }
});

test('a user who cannot delete and edit can add files and folders, and cannot change or delete them', async () => {
  const { id, token } = await createUser('scanner');
  await setStatus(id, 'cannot_delete_edit');
  const api = createApi(token);

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

test("the permissions of files and folders follow from the token and its user's status", async () => {
  const { id, token } = await createUser('clerk');
  const api = createApi(token);
  const folder = (await api.post('/folders', { name: 'desk', parent: { id: '0' } })).json.id;
  const file = (await upload(api, 'note.txt', 'x', folder)).id;
  const downscope = async (scope: string) => createApi(await createDownscopedToken(server, { scope, token }));
  const listPermissions = async (by: Api) => {
    const { json: fileJson } = await by.get(`/files/${file}?fields=permissions`);
    const { json: folderJson } = await by.get(`/folders/${folder}?fields=permissions,item_collection`);
    assert.deepEqual(folderJson.item_collection.entries[0].permissions, fileJson.permissions);
    const given = (permissions: Record<string, boolean>) =>
      ['can_download', 'can_upload', 'can_rename', 'can_delete'].filter((name) => permissions[name]);
    return [given(fileJson.permissions), given(folderJson.permissions)];
  };
  const all = ['can_download', 'can_upload', 'can_rename', 'can_delete'];
  assert.deepEqual(await listPermissions(api), [all, all]);
  assert.deepEqual(await listPermissions(await downscope('base_explorer')), [[], []]);
  const some = ['can_download', 'can_rename'];
  assert.deepEqual(await listPermissions(await downscope('item_download item_rename')), [some, some]);

  await setStatus(id, 'cannot_delete_edit');

  assert.deepEqual(await listPermissions(api), [['can_download'], ['can_download', 'can_upload']]);
});
