import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attributes, filePart, form, sendForm, upload } from './forms.ts';

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

/** Creates a file with two versions. Returns its path and the IDs of both versions. */
async function createVersionedFile(name: string, names: [string, string] = [name, name]) {
  const { id, file_version: first } = await upload(api, names[0], 'one');
  const answer = await sendForm(api, `/files/${id}/content`, form(attributes({ name: names[1] }), filePart('three')));
  assert.equal(answer.status, 201, answer.text);
  return { path: `/files/${id}`, first: first.id as string, second: answer.json.entries[0].file_version.id as string };
}

test('the versions of a file are its earlier ones, with the fields that clients parse', async () => {
  const { path, first, second } = await createVersionedFile('list.txt');

  const { status, json } = await api.get(`${path}/versions`);

  assert.equal(status, 200);
  assert.deepEqual([json.total_count, json.offset, json.limit, json.entries.length], [1, 0, 100, 1]);
  const [version] = json.entries;
  assert.deepEqual(
    [version.type, version.id, version.name, version.size, version.trashed_at, version.purged_at],
    ['file_version', first, 'list.txt', 3, null, null],
  );
  assert.ok(!('version_number' in version), 'the number is returned only on request');
  const numbered = await api.get(`${path}/versions?fields=version_number`);
  assert.equal(numbered.json.entries[0].version_number, '1');
  assert.match(version.created_at, /Z$/);
  assert.equal(version.modified_by.type, 'user');
  assert.deepEqual((await api.get(`${path}/versions/${first}`)).json, version);
  const { json: some } = await api.get(`${path}/versions/${second}?fields=sha1,size,version_number`);
  assert.deepEqual(Object.keys(some).toSorted(), ['id', 'sha1', 'size', 'type', 'version_number']);
  assert.deepEqual((await api.get(`${path}?fields=version_number`)).json.version_number, '2');
});

test('an upload of a new version can also set the description', async () => {
  const { path } = await createVersionedFile('described.txt');
  const described = form(attributes({ description: 'the third' }), filePart('3'));
  const { json } = await sendForm(api, `${path}/content`, described);
  assert.deepEqual([json.entries[0].description, json.entries[0].name], ['the third', 'described.txt']);
  await sendForm(api, `${path}/content`, form(attributes({}), filePart('4')));
  assert.equal((await api.get(path)).json.description, 'the third');
});

test('a promoted version is current again, with the name that it had', async () => {
  const { path, first } = await createVersionedFile('', ['before.txt', 'after.txt']);

  const promote = `${path}/versions/current?fields=size,version_number`;
  const { status, json } = await api.post(promote, { id: first, type: 'file_version' });

  assert.equal(status, 201);
  assert.deepEqual([json.type, json.size, json.version_number], ['file_version', 3, '3']);
  const { json: file } = await api.get(path);
  assert.deepEqual([file.name, file.size, file.file_version.id, file.etag], ['before.txt', 3, json.id, '2']);
  assert.equal(String(await api.download(file.id)), 'one');
  assert.equal((await api.get(`${path}/versions`)).json.total_count, 2);
});

test('a deleted version is shown as deleted, cannot be downloaded, and can be restored', async () => {
  const { path, first } = await createVersionedFile('deleted.txt');
  const fields = `${path}/versions/${first}?fields=trashed_at,trashed_by,restored_at,restored_by,purged_at`;

  const deleted = await api.delete(`${path}/versions/${first}`, { 'if-match': '1' });
  assert.deepEqual([deleted.status, deleted.text], [204, '']);
  const { json: gone } = await api.get(fields);
  assert.match(gone.trashed_at, /Z$/);
  assert.equal(Date.parse(gone.purged_at) - Date.parse(gone.trashed_at), 30 * 86_400_000, 'kept for at least 30 days');
  assert.deepEqual([gone.trashed_by.type, gone.restored_at, gone.restored_by], ['user', null, null]);
  assertRejected(await api.get(`${path}/content?version=${first}`), 404, 'trashed');

  const restored = await api.call('PUT', `${path}/versions/${first}`, { body: { trashed_at: null } });
  assert.equal(restored.status, 200, restored.text);
  const { json: back } = await api.get(fields);
  assert.deepEqual(
    [back.trashed_at, back.purged_at, back.trashed_by, back.restored_by.type],
    [null, null, null, 'user'],
  );
  assert.match(back.restored_at, /Z$/);
  assert.equal((await api.get(`${path}/content?version=${first}`)).status, 302);
});

test('invalid operations on a version are rejected', async () => {
  const { path, first, second } = await createVersionedFile('refused.txt');
  const other = await createVersionedFile('other.txt');
  const promote = (id: unknown) => api.post(`${path}/versions/current`, { id });

  assertRejected(await api.delete(`${path}/versions/${second}`), 400, 'bad_request');
  assertRejected(await api.delete(`${path}/versions/${first}`, { 'if-match': '9' }), 412, 'precondition_failed');
  for (const id of ['12345', 'x', '0', other.first]) {
    assertRejected(await api.get(`${path}/versions/${id}`), 404, 'not_found');
    assertRejected(await api.delete(`${path}/versions/${id}`), 404, 'not_found');
    assertRejected(await promote(id), 404, 'not_found');
  }
  assertRejected(await promote(5), 400, 'bad_request');
  assertRejected(await api.call('PUT', `${path}/versions/${first}`, { body: {} }), 400, 'bad_request');
  const restore = { body: { trashed_at: null } };
  assertRejected(await api.call('PUT', `${path}/versions/${first}`, restore), 404, 'not_trashed');
  assertRejected(await api.get('/files/12345/versions'), 404, 'not_found');
  await api.delete(path);
  assertRejected(await api.get(`${path}/versions`), 404, 'trashed');
  assertRejected(await promote(first), 404, 'trashed');
});

test("the versions of another user's file are not found by any call", async () => {
  const { path, first } = await createVersionedFile('private.txt');
  const app = await addApp(server);
  const token = await getUserToken(server, app, await addUser(server, 'versions@partway.test'));
  const otherUser = new Api({ url: server.url, token });

  for (const answer of [
    await otherUser.get(`${path}/versions`),
    await otherUser.get(`${path}/versions/${first}`),
    await otherUser.post(`${path}/versions/current`, { id: first }),
    await otherUser.delete(`${path}/versions/${first}`),
    await otherUser.call('PUT', `${path}/versions/${first}`, { body: { trashed_at: null } }),
    await otherUser.get(`${path}/thumbnail.png`),
  ]) {
    assertRejected(answer, 404, 'not_found');
  }
});

test('a thumbnail redirects to a placeholder image', async () => {
  const { path } = await createVersionedFile('picture.png');
  for (const [extension, type, magic] of [
    ['png', 'image/png', '89504e47'],
    ['jpg', 'image/jpeg', 'ffd8ffe0'],
  ] as const) {
    const answer = await api.get(`${path}/thumbnail.${extension}?min_height=32`);
    assert.equal(answer.status, 302);
    const picture = await fetch(String(answer.headers.location));
    assert.deepEqual([picture.status, picture.headers.get('content-type')], [200, type]);
    assert.equal(Buffer.from(await picture.arrayBuffer()).toString('hex', 0, 4), magic);
  }
  assertRejected(await api.get(`${path}/thumbnail.gif`), 404, 'not_found');
  assertRejected(await api.get('/files/12345/thumbnail.png'), 404, 'not_found');
});
