import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { upload } from './forms.ts';

let server: TestServer;
let api: Api;

before(async () => {
  server = await startServer();
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

function assertRejected(answer: ApiResponse, status: number, code: string) {
  assert.deepEqual([answer.status, answer.json?.code], [status, code], answer.text);
}

async function createFolder(name: string, parent = '0') {
  const answer = await api.post('/folders', { name, parent: { id: parent } });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

async function createTrashedFile(name: string) {
  const file = await upload(api, name, 'bytes');
  assert.equal((await api.delete(`/files/${file.id}`)).status, 204);
  return { ...file, path: `/files/${file.id}` };
}

test('a file in the trash can be viewed, restored and deleted permanently', async () => {
  const { path, id } = await createTrashedFile('round.txt');

  const { status, json } = await api.get(`${path}/trash`);
  assert.deepEqual([status, json.id, json.item_status, json.name], [200, id, 'trashed', 'round.txt']);
  assert.deepEqual(json.path_collection.entries[0].name, 'Trash');
  const restored = await api.post(path);
  assert.deepEqual([restored.status, restored.json.item_status, restored.json.trashed_at], [201, 'active', null]);
  assert.equal(String(await api.download(id)), 'bytes');
  assertRejected(await api.get(`${path}/trash`), 404, 'not_trashed');
  assertRejected(await api.post(path, {}), 404, 'not_trashed');
  assertRejected(await api.delete(`${path}/trash`), 404, 'not_trashed');

  await api.delete(path);
  const gone = await api.delete(`${path}/trash`);
  assert.deepEqual([gone.status, gone.text], [204, '']);
  for (const left of [path, `${path}/trash`, `${path}/content`]) assertRejected(await api.get(left), 404, 'not_found');
});

test('a folder in the trash can be viewed and restored with all of its contents', async () => {
  const folder = await createFolder('round');
  const file = await upload(api, 'in it.txt', 'bytes', folder.id);
  const path = `/folders/${folder.id}`;
  await api.delete(`${path}?recursive=true`);

  const { status, json } = await api.get(`${path}/trash`);
  assert.deepEqual([status, json.id, json.item_status, json.size], [200, folder.id, 'trashed', 5]);
  assertRejected(await api.get(path), 404, 'trashed');
  assertRejected(await api.post(`/files/${file.id}`), 404, 'trashed');
  assertRejected(await api.delete(`/files/${file.id}/trash`), 404, 'trashed');
  const restored = await api.post(path);
  assert.deepEqual([restored.status, restored.json.item_collection.total_count], [201, 1]);
  assert.equal(String(await api.download(file.id)), 'bytes');

  await api.delete(`${path}?recursive=true`);
  assert.equal((await api.delete(`${path}/trash`)).status, 204);
  assertRejected(await api.get(`${path}/trash`), 404, 'not_found');
  assertRejected(await api.get(`/files/${file.id}`), 404, 'not_found');
});

test('an item can be restored with a new name or into a new folder if its own are not available', async () => {
  const { path, id } = await createTrashedFile('wanted.txt');
  const winner = await upload(api, 'wanted.txt', 'other');
  const folder = await createFolder('new home');

  const taken = await api.post(path, {});
  assertRejected(taken, 409, 'item_name_in_use');
  assert.equal(taken.json.context_info.conflicts.id, winner.id);
  assertRejected(await api.post(path, { name: 'a/b' }), 400, 'item_name_invalid');
  assertRejected(await api.post(path, { parent: { id: '12345' } }), 404, 'not_found');
  const moved = await api.post(`${path}?fields=name,parent`, { name: 'found.txt', parent: { id: folder.id } });
  assert.equal(moved.status, 201, moved.text);
  assert.deepEqual([moved.json.id, moved.json.name, moved.json.parent.id], [id, 'found.txt', folder.id]);

  await api.delete(path);
  await api.delete(`/folders/${folder.id}`);
  assertRejected(await api.post(path), 404, 'trashed');
  assert.equal((await api.post(path, { parent: { id: '0' } })).status, 201);
});

test('the trash is listed by offset and by marker, in the requested order', async () => {
  const app = await addApp(server);
  const token = await getUserToken(server, app, await addUser(server, 'tidy@partway.test'));
  const tidy = new Api({ url: server.url, token });
  const folder = (await tidy.post('/folders', { name: 'z', parent: { id: '0' } })).json;
  const files = [];
  for (const name of ['b', 'a', 'c']) files.push(await upload(tidy, name, name));
  for (const { id } of files) await tidy.delete(`/files/${id}`);
  await tidy.delete(`/folders/${folder.id}`);
  const names = ({ json }: ApiResponse) => json.entries.map((entry: { name: string }) => entry.name);

  const all = await tidy.get('/folders/trash/items');
  assert.deepEqual([all.json.total_count, all.json.offset, all.json.limit], [4, 0, 100]);
  assert.deepEqual(names(all), ['z', 'a', 'b', 'c']);
  assert.equal(all.json.entries[0].item_status, 'trashed');
  assert.deepEqual(names(await tidy.get('/folders/trash/items?sort=name&direction=DESC&offset=1&limit=2')), ['c', 'b']);
  const first = await tidy.get('/folders/trash/items?usemarker=true&limit=3&fields=name,trashed_at');
  const [entry] = first.json.entries;
  assert.match(entry.trashed_at, /Z$/);
  const { purged_at: purged } = (await tidy.get(`/${entry.type}s/${entry.id}/trash`)).json;
  assert.equal(Date.parse(purged) - Date.parse(entry.trashed_at), 30 * 86_400_000, 'kept for at least 30 days');
  const second = await tidy.get(`/folders/trash/items?marker=${first.json.next_marker}&limit=3`);
  assert.deepEqual([...names(first), ...names(second)], ['z', 'a', 'b', 'c']);
  assert.ok(!('next_marker' in second.json));
  assertRejected(await tidy.get('/folders/trash/items?sort=colour'), 400, 'bad_request');
  assertRejected(await tidy.get('/folders/trash/items?direction=up'), 400, 'bad_request');
});

test("another user's trash is not found by any call", async () => {
  const { path } = await createTrashedFile('private.txt');
  const folder = await createFolder('private');
  await api.delete(`/folders/${folder.id}`);
  const app = await addApp(server);
  const token = await getUserToken(server, app, await addUser(server, 'trash@partway.test'));
  const otherUser = new Api({ url: server.url, token });

  assert.equal((await otherUser.get('/folders/trash/items')).json.total_count, 0);
  for (const one of [path, `/folders/${folder.id}`]) {
    for (const answer of [
      await otherUser.get(`${one}/trash`),
      await otherUser.post(one, { parent: { id: '0' } }),
      await otherUser.delete(`${one}/trash`),
    ]) {
      assertRejected(answer, 404, 'not_found');
    }
  }
});
