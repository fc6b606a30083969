import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { API_ROUTES, createCall } from '../auth/api-routes.ts';
import { createDownscopedToken } from '../auth/downscoped-token.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

/**
 * The permissions of Box's scopes, written down a second time: the server has to agree with this table, not with
 * itself.
 */
const SCOPES: Record<string, string[]> = {
  root_readwrite: ['read', 'download', 'upload', 'replace', 'rename', 'delete', 'change'],
  root_readonly: ['read', 'download'],
  base_explorer: ['read'],
  base_picker: ['read'],
  base_preview: ['read'],
  base_upload: ['upload', 'replace'],
  base_sidebar: ['read'],
  item_read: ['read'],
  item_readwrite: ['read', 'download', 'upload', 'replace', 'rename', 'delete', 'change'],
  item_preview: ['read'],
  item_download: ['read', 'download'],
  item_upload: ['upload', 'replace'],
  item_content_upload: ['upload', 'replace'],
  item_rename: ['rename'],
  item_delete: ['delete'],
  item_share: [],
  item_execute_integration: [],
  annotation_edit: [],
};
/** Unknown IDs, so that an accepted call has no effect. */
const UNKNOWN_IDS = { file: '1234567890123', folder: '1234567890123', session: '0'.repeat(32) };

let server: TestServer;
before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
});
after(() => server[Symbol.asyncDispose]());

for (const [scope, abilities] of Object.entries(SCOPES)) {
  test(`a token with ${scope} is accepted only by routes for ${abilities.join(', ') || 'nothing'}`, async () => {
    const api = new Api({ url: server.url, token: await createDownscopedToken(server, { scope }) });
    for (const route of API_ROUTES) {
      const { path, call } = createCall(route, UNKNOWN_IDS);
      const answer = await api.call(route.method, path, call);
      const rejected = answer.status === 403 && answer.json?.code === 'insufficient_scope';
      assert.equal(rejected, !abilities.includes(route.needs), `${route.method} ${route.url}: ${answer.status}`);
      assert.ok(rejected || answer.status < 500, `${route.method} ${route.url}: ${answer.status} ${answer.text}`);
    }
  });
}

test('the permissions of several scopes add up', async () => {
  const api = new Api({
    url: server.url,
    token: await createDownscopedToken(server, { scope: 'base_explorer item_delete' }),
  });
  assert.equal((await api.get('/folders/0')).status, 200);
  assert.equal((await api.delete('/files/1')).status, 404);
  assert.equal((await api.get('/files/1/content')).status, 403);
});

test('a token that can rename cannot move, lock or restore', async () => {
  const api = new Api({ url: server.url, token: await createDownscopedToken(server, { scope: 'item_rename' }) });
  const { id } = (await new Api(server).post('/folders', { name: 'old', parent: { id: '0' } })).json;
  const change = (body: unknown) => api.call('PUT', `/folders/${id}`, { body });
  assert.equal((await change({ name: 'new', description: 'x' })).status, 200);
  for (const body of [{ parent: { id: '0' } }, { name: 'newer', parent: null }, { lock: { type: 'lock' } }, [], 'x']) {
    const answer = await change(body);
    const rejected = answer.status === 403 || answer.status === 400;
    assert.ok(rejected, `${JSON.stringify(body)}: ${answer.status}`);
  }
  assert.equal((await new Api(server).get(`/folders/${id}`)).json.name, 'new');
});
