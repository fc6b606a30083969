import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attributes, FORM, filePart, form, sendForm, upload } from './forms.ts';

const QUOTA = 300_000;
const bytes = seededBytes(100_000, 'limits');

let server: TestServer;
let app: Awaited<ReturnType<typeof addApp>>;

before(async () => {
  server = await startServer({
    env: {
      PARTWAY_USER_QUOTA: String(QUOTA),
      PARTWAY_MAX_FILE_SIZE: '250000',
      PARTWAY_MIN_SESSION_SIZE: '1000',
      PARTWAY_PART_SIZE: '65536',
    },
  });
  app = await addApp(server);
});
after(() => server[Symbol.asyncDispose]());

let users = 0;
async function createUser(): Promise<Api> {
  users += 1;
  return new Api({
    url: server.url,
    token: await getUserToken(server, app, await addUser(server, `u${users}@partway.test`)),
  });
}

function assertRejected(answer: ApiResponse, status: number, code: string) {
  assert.deepEqual([answer.status, answer.json?.code], [status, code], answer.text);
}

async function getSpace(api: Api): Promise<[used: number, amount: number]> {
  const { json } = await api.get('/users/me');
  return [json.space_used, json.space_amount];
}

const createSession = (api: Api, size: number, name = `${size}.bin`) =>
  api.post('/files/upload_sessions', { folder_id: '0', file_size: size, file_name: name });

test('a session is rejected at its creation if its file is too large or there is not enough space', async () => {
  const api = await createUser();
  assert.deepEqual(await getSpace(api), [0, QUOTA]);

  assertRejected(await createSession(api, 250_001), 403, 'file_size_limit_exceeded');
  const first = await createSession(api, 250_000);
  assert.equal(first.status, 201);
  assertRejected(await createSession(api, 50_001), 403, 'storage_limit_exceeded');
  assert.equal((await createSession(api, 50_000)).status, 201);
  assertRejected(await createSession(api, 1000), 403, 'storage_limit_exceeded');
  assert.deepEqual(await getSpace(api), [0, QUOTA]);

  assert.equal((await api.delete(`/files/upload_sessions/${first.json.id}`)).status, 204);
  assert.equal((await createSession(api, 250_000)).status, 201);
});

test('a chunked upload uses the space that was reserved for it', async () => {
  const api = await createUser();
  const session = await api.createSession('parts.bin', bytes.length);
  const committed = await api.commit(session.id, await api.uploadParts(session, bytes), bytes);

  assert.equal(committed.status, 201, committed.text);
  assert.deepEqual(await getSpace(api), [bytes.length, QUOTA]);
  assert.equal((await createSession(api, QUOTA - bytes.length)).status, 201);
});

test('a direct upload without enough space is rejected, before its body is requested if its size is known', async () => {
  const api = await createUser();
  await upload(api, 'one.bin', bytes);
  await upload(api, 'two.bin', bytes);
  const large = Buffer.alloc(200_000);

  const body = form(attributes({ name: 'three.bin', parent: { id: '0' } }), filePart(large));
  assertRejected(await sendForm(api, '/files/content', Readable.from([body])), 403, 'storage_limit_exceeded');
  for (const [length, code] of [
    [470_000, 'storage_limit_exceeded'],
    [600_000, 'file_size_limit_exceeded'],
  ] as const) {
    const headers = { ...FORM, 'content-length': length, expect: '100-continue' };
    assertRejected(await api.call('POST', '/files/content', { headers, body: '' }), 403, code);
  }
  const check = { name: 'three.bin', parent: { id: '0' }, size: 100_001 };
  assertRejected(await api.call('OPTIONS', '/files/content', { body: check }), 403, 'storage_limit_exceeded');
  assert.equal((await api.call('OPTIONS', '/files/content', { body: { ...check, size: 100_000 } })).status, 200);
  assert.deepEqual(await getSpace(api), [200_000, QUOTA]);
});

test('space is available again after a file is deleted permanently', async () => {
  const api = await createUser();
  const { id } = await upload(api, 'one.bin', bytes);
  await upload(api, 'two.bin', bytes);
  await upload(api, 'three.bin', bytes);
  const copy = await api.post(`/files/${id}/copy`, { parent: { id: '0' }, name: 'four.bin' });
  assertRejected(copy, 403, 'storage_limit_exceeded');

  await api.delete(`/files/${id}`);
  assert.deepEqual(await getSpace(api), [QUOTA, QUOTA]);
  await api.delete(`/files/${id}/trash`);
  assert.deepEqual(await getSpace(api), [QUOTA - bytes.length, QUOTA]);
  await upload(api, 'four.bin', bytes);
});

test("calls beyond a user's rate are told when to retry, and neither other users nor parts are affected", async () => {
  await using limited = await startServer({
    env: { PARTWAY_RATE_LIMIT: '1', PARTWAY_MIN_SESSION_SIZE: '1000', PARTWAY_PART_SIZE: '65536' },
  });
  const api = new Api(limited);
  const session = await api.createSession('rated.bin', bytes.length);

  const rejected = await api.get('/users/me');
  assertRejected(rejected, 429, 'rate_limit_exceeded');
  const seconds = Number(rejected.headers['retry-after']);
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
  assert.equal((await api.uploadParts(session, bytes)).length, 2);
  assert.equal((await fetch(`${limited.url}/healthz`)).status, 200);
  const other = await addApp(limited);
  const token = await getUserToken(limited, other, await addUser(limited, 'other@partway.test'));
  assert.equal((await new Api({ url: limited.url, token }).get('/users/me')).status, 200);
});

test('uploads have their own rate limit', async () => {
  await using limited = await startServer({ env: { PARTWAY_UPLOAD_RATE_LIMIT: '1' } });
  const api = new Api(limited);
  assert.equal((await createSession(api, 30_000_000)).status, 201);

  assertRejected(await createSession(api, 30_000_001), 429, 'rate_limit_exceeded');
  const body = form(attributes({ name: 'two', parent: { id: '0' } }), filePart('2'));
  const rejected = await sendForm(api, '/files/content', body);
  assertRejected(rejected, 429, 'rate_limit_exceeded');
  assert.ok(Number(rejected.headers['retry-after']) >= 1);
  for (let call = 0; call < 20; call++) assert.equal((await api.get('/users/me')).status, 200);
});
