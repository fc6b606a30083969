import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createDownscopedToken } from '../auth/downscoped-token.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attributes, filePart, form, sendForm } from './forms.ts';

let server: TestServer;
let api: Api;
let folder: { id: string };

before(async () => {
  server = await startServer({ env: { PARTWAY_MIN_SESSION_SIZE: '0' } });
  api = new Api(server);
  folder = (await api.post('/folders', { name: 'numbered', parent: { id: 0 } })).json;
});
after(() => server[Symbol.asyncDispose]());

test('the ID of a folder can be a number in every body', async () => {
  const parent = { id: Number(folder.id) };
  const uploaded = await sendForm(
    api,
    '/files/content',
    form(attributes({ name: 'direct.bin', parent }), filePart('x')),
  );
  assert.deepEqual([uploaded.status, uploaded.json.entries?.[0].parent.id], [201, folder.id], uploaded.text);
  const file = uploaded.json.entries[0].id;
  const session = { folder_id: parent.id, file_size: 5, file_name: 'session.bin' };
  assert.equal((await api.post('/files/upload_sessions', session)).status, 201);
  assert.equal((await api.call('OPTIONS', '/files/content', { body: { name: 'free', parent } })).status, 200);
  const copy = (await api.post(`/files/${file}/copy`, { name: 'copy.bin', parent: { id: 0 } })).json;
  assert.equal(copy.parent.id, '0');
  assert.equal((await api.call('PUT', `/files/${copy.id}`, { body: { parent } })).json.parent.id, folder.id);
  await api.delete(`/files/${copy.id}`);
  assert.equal((await api.post(`/files/${copy.id}`, { parent: { id: 0 } })).json.parent.id, '0');
});

test('a number that is not a valid ID is rejected like other invalid IDs', async () => {
  for (const id of [-1, 1.5, 1e300, true, null]) {
    const answer = await api.post('/folders', { name: 'x', parent: { id } });
    assert.deepEqual([answer.status, answer.json.code], [400, 'invalid_folder_id'], answer.text);
  }
});

test('a numeric ID does not let a token reach beyond the folder that it is restricted to', async () => {
  const token = await createDownscopedToken(server, { scope: 'root_readwrite', resource: `folders/${folder.id}` });
  const restricted = new Api({ url: server.url, token });
  const inside = (await api.post('/folders', { name: 'bound', parent: { id: Number(folder.id) } })).json;

  const session = { folder_id: 0, file_size: 5, file_name: 'beyond.bin' };
  for (const answer of [
    await restricted.post('/folders', { name: 'beyond', parent: { id: 0 } }),
    await restricted.post('/files/upload_sessions', session),
    await restricted.call('PUT', `/folders/${inside.id}`, { body: { parent: { id: 0 } } }),
    await sendForm(
      restricted,
      '/files/content',
      form(attributes({ name: 'beyond', parent: { id: 0 } }), filePart('x')),
    ),
  ]) {
    assert.deepEqual([answer.status, answer.json.code], [404, 'not_found'], answer.text);
  }
  assert.equal((await restricted.post('/folders', { name: 'in', parent: { id: Number(folder.id) } })).status, 201);
});
