import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api, type ApiResponse } from '../support/api.ts';
import { seededBytes, sha1Base64 } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type BoxField, boxFields } from './box-fields.ts';
import { attributes, FORM, filePart, form } from './forms.ts';

const bytes = seededBytes(3000, 'request-parameters');

let server: TestServer;
let api: Api;
let folder: string;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
  api = new Api(server);
  folder = (await api.post('/folders', { name: 'folder', parent: { id: '0' } })).json.id;
  for (const name of ['a', 'b', 'c']) {
    await api.post('/folders', { name, parent: { id: folder } });
    await api.delete(`/folders/${(await api.post('/folders', { name, parent: { id: '0' } })).json.id}`);
  }
});
after(() => server[Symbol.asyncDispose]());

let nameCount = 0;
function createName(): string {
  nameCount += 1;
  return `item-${nameCount}`;
}

interface Call {
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
}

async function createFile(): Promise<string> {
  const fields = { name: createName(), parent: { id: folder } };
  const body = form(attributes(fields), filePart(bytes));
  return (await api.call('POST', '/files/content', { headers: FORM, body })).json.entries[0].id;
}
async function createFolder(): Promise<string> {
  return (await api.post('/folders', { name: createName(), parent: { id: '0' } })).json.id;
}
async function createUser(): Promise<string> {
  return (await api.post('/users', { name: 'User', login: `${createName()}@example.com` })).json.id;
}
async function createFileWithVersions(): Promise<{ file: string; version: string }> {
  const file = await createFile();
  for (const text of ['second', 'third']) {
    const body = form(attributes({}), filePart(text));
    await api.call('POST', `/files/${file}/content`, { headers: FORM, body });
  }
  return { file, version: (await api.get(`/files/${file}/versions`)).json.entries[0].id };
}
async function moveToTrash(path: string): Promise<string> {
  await api.delete(path);
  return path;
}
async function createFullSession(): Promise<{ id: string; parts: unknown[] }> {
  const session = await api.createSession(createName(), bytes.length);
  return { id: session.id, parts: await api.uploadParts(session, bytes) };
}
/** A session for a new version: only such a session has an etag to compare with. */
async function createVersionSession(): Promise<{ id: string; parts: unknown[] }> {
  const { json } = await api.post(`/files/${await createFile()}/upload_sessions`, { file_size: bytes.length });
  return { id: json.id, parts: await api.uploadParts(json, bytes) };
}

const digest = { digest: `sha=${sha1Base64(bytes)}` };
const uploadRequest = (fields: object) => ({ headers: { ...FORM }, body: form(attributes(fields), filePart(bytes)) });

/** A valid example of each call. */
const CALLS: Record<string, () => Promise<Call>> = {
  'PUT /files/upload_sessions/{upload_session_id}': async () => ({
    path: `/files/upload_sessions/${(await api.createSession(createName(), bytes.length)).id}`,
    body: bytes,
    headers: { ...digest, 'content-range': `bytes 0-${bytes.length - 1}/${bytes.length}` },
  }),
  'GET /files/upload_sessions/{upload_session_id}/parts': async () => ({
    path: `/files/upload_sessions/${(await createFullSession()).id}/parts`,
  }),
  'POST /files/upload_sessions/{upload_session_id}/commit': async () => {
    const { id, parts } = await createVersionSession();
    return { path: `/files/upload_sessions/${id}/commit`, body: { parts }, headers: digest };
  },
  'POST /files/content': async () => ({
    path: '/files/content',
    ...uploadRequest({ name: createName(), parent: { id: '0' } }),
  }),
  'POST /files/{file_id}/content': async () => ({ path: `/files/${await createFile()}/content`, ...uploadRequest({}) }),
  'GET /files/{file_id}/content': async () => ({ path: `/files/${await createFile()}/content` }),
  'GET /files/{file_id}/thumbnail.{extension}': async () => ({ path: `/files/${await createFile()}/thumbnail.png` }),
  'GET /files/{file_id}': async () => ({ path: `/files/${await createFile()}` }),
  'PUT /files/{file_id}': async () => ({ path: `/files/${await createFile()}`, body: { name: createName() } }),
  'POST /files/{file_id}/copy': async () => ({
    path: `/files/${await createFile()}/copy`,
    body: { name: createName(), parent: { id: '0' } },
  }),
  'DELETE /files/{file_id}': async () => ({ path: `/files/${await createFile()}` }),
  'POST /files/{file_id}': async () => ({ path: await moveToTrash(`/files/${await createFile()}`), body: {} }),
  'GET /files/{file_id}/trash': async () => ({ path: `${await moveToTrash(`/files/${await createFile()}`)}/trash` }),
  'GET /files/{file_id}/versions': async () => ({ path: `/files/${(await createFileWithVersions()).file}/versions` }),
  'GET /files/{file_id}/versions/{file_version_id}': async () => {
    const { file, version } = await createFileWithVersions();
    return { path: `/files/${file}/versions/${version}` };
  },
  'POST /files/{file_id}/versions/current': async () => {
    const { file, version } = await createFileWithVersions();
    return { path: `/files/${file}/versions/current`, body: { id: version } };
  },
  'DELETE /files/{file_id}/versions/{file_version_id}': async () => {
    const { file, version } = await createFileWithVersions();
    return { path: `/files/${file}/versions/${version}` };
  },
  'POST /folders': async () => ({ path: '/folders', body: { name: createName(), parent: { id: '0' } } }),
  'GET /folders/{folder_id}': async () => ({ path: `/folders/${folder}` }),
  'PUT /folders/{folder_id}': async () => ({ path: `/folders/${await createFolder()}`, body: { name: createName() } }),
  'POST /folders/{folder_id}/copy': async () => ({
    path: `/folders/${await createFolder()}/copy`,
    body: { name: createName(), parent: { id: '0' } },
  }),
  'DELETE /folders/{folder_id}': async () => {
    const id = await createFolder();
    await api.post('/folders', { name: 'inner', parent: { id } });
    return { path: `/folders/${id}?recursive=true` };
  },
  'GET /folders/{folder_id}/items': async () => ({ path: `/folders/${folder}/items` }),
  'POST /folders/{folder_id}': async () => ({ path: await moveToTrash(`/folders/${await createFolder()}`), body: {} }),
  'GET /folders/{folder_id}/trash': async () => ({
    path: `${await moveToTrash(`/folders/${await createFolder()}`)}/trash`,
  }),
  'GET /folders/trash/items': async () => ({ path: '/folders/trash/items' }),
  'GET /users/me': async () => ({ path: '/users/me' }),
  'GET /users': async () => ({ path: '/users' }),
  'POST /users': async () => ({ path: '/users', body: { name: 'User', login: `${createName()}@example.com` } }),
  'GET /users/{user_id}': async () => ({ path: `/users/${await createUser()}` }),
  'PUT /users/{user_id}': async () => ({ path: `/users/${await createUser()}`, body: { name: 'Changed' } }),
  'DELETE /users/{user_id}': async () => ({ path: `/users/${await createUser()}` }),
};

type Probe = (field: BoxField, call: Call) => Promise<void>;

const send = ({ call }: BoxField, { path, body, headers = {} }: Call): Promise<ApiResponse> =>
  api.call(call.split(' ', 1)[0] as string, path, { body, headers });

function withParameter(call: Call, { place, path: name }: BoxField, value: string): Call {
  if (place === 'headers') return { ...call, headers: { ...call.headers, [name]: value } };
  const [path = '', query] = call.path.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set(name, value);
  return { ...call, path: `${path}?${parameters}` };
}

/** Expects this status for this value, which shows that the parameter is read. */
function expectStatus(value: string, status: number): Probe {
  return async (field, call) => {
    const answer = await send(field, withParameter(call, field, value));
    assert.equal(answer.status, status, answer.text);
  };
}

/** Expects that the response for this value passes the check. */
function expectJson(value: string, check: (json: ApiResponse['json'], answer: ApiResponse) => void): Probe {
  return async (field, call) => {
    const answer = await send(field, withParameter(call, field, value));
    assert.ok(answer.status < 300, answer.text);
    check(answer.json.item_collection ?? answer.json, answer);
  };
}

/** The effect of each parameter, for every call that has it. */
const PROBES: Record<string, Probe> = {
  fields: expectJson('size,name', (json) => {
    const one = json.entries?.[0] ?? json;
    const allowed = ['type', 'id', 'etag', 'name', 'size'];
    assert.ok('name' in one && Object.keys(one).every((key) => allowed.includes(key)), JSON.stringify(one));
  }),
  limit: expectJson('1', ({ entries, limit }) => assert.deepEqual([entries.length, limit], [1, 1])),
  offset: expectJson('1', ({ entries, offset, total_count: total }) => {
    assert.deepEqual([entries.length, offset], [total - 1, 1]);
  }),
  usemarker: expectJson('true', (json) => assert.ok(json.entries.length > 0 && !('total_count' in json))),
  marker: expectStatus('nonsense', 400),
  sort: expectJson('size', ({ order }) => assert.equal(order.at(-1).by, 'size')),
  direction: expectJson('DESC', ({ order }) => assert.equal(order.at(-1).direction, 'DESC')),
  recursive: async (field, call) => {
    assert.equal((await send(field, { ...call, path: call.path.split('?', 1)[0] as string })).status, 400);
    assert.equal((await send(field, call)).status, 204);
  },
  filter_term: expectJson('developer', ({ entries }) => assert.equal(entries.length, 1)),
  user_type: expectStatus('robot', 400),
  external_app_user_id: expectJson('nobody', ({ entries }) => assert.equal(entries.length, 0)),
  version: expectStatus('123456789', 404),
  'if-match': expectStatus('999', 412),
  'if-none-match': async (field, call) => {
    const isGet = field.call.startsWith('GET');
    const etag = isGet ? (await api.get(call.path)).json.etag : '0';
    assert.equal((await send(field, withParameter(call, field, etag))).status, isGet ? 304 : 412);
  },
  'content-md5': expectStatus('a'.repeat(40), 400),
  digest: expectStatus(`sha=${sha1Base64(Buffer.from('other'))}`, 400),
  'content-range': expectStatus(`bytes 0-${bytes.length - 1}/${bytes.length + 1}`, 416),
};

/** Parameters that have tests of their own. */
const ELSEWHERE = new Set([
  'range of GET /files/{file_id}/content',
  'access_token of GET /files/{file_id}/content',
  'force of DELETE /users/{user_id}',
]);

for (const field of boxFields()) {
  const { call, place, path, note } = field;
  if (place === 'body' || call === 'GET /authorize' || ELSEWHERE.has(`${path} of ${call}`)) continue;
  test(`the parameter ${path} of ${call} ${note === undefined ? 'has its effect' : 'is accepted and ignored'}`, async () => {
    const valid = await (CALLS[call] ?? (() => assert.fail(`no example of ${call}`)))();
    if (note !== undefined) {
      assert.ok('ignored' in note && note.ignored !== '');
      const { status, text } = await send(field, withParameter(valid, field, 'true'));
      return assert.ok(status < 400, text);
    }
    const probe = PROBES[path];
    assert.ok(probe !== undefined, 'no effect is defined for this parameter');
    await probe(field, valid);
  });
}
