import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { addApp, addUser, tokenOf } from '../support/accounts.ts';
import { type Answer, Api } from '../support/api.ts';
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
async function newUser(): Promise<Api> {
  users += 1;
  return new Api({
    url: server.url,
    token: await tokenOf(server, app, await addUser(server, `u${users}@partway.test`)),
  });
}

function assertRefused(answer: Answer, status: number, code: string) {
  assert.deepEqual([answer.status, answer.json?.code], [status, code], answer.text);
}

async function space(api: Api): Promise<[used: number, amount: number]> {
  const { json } = await api.get('/users/me');
  return [json.space_used, json.space_amount];
}

const create = (api: Api, size: number, name = `${size}.bin`) =>
  api.post('/files/upload_sessions', { folder_id: '0', file_size: size, file_name: name });

test('a session for which there is no room, or whose file is too large, is refused when it is created', async () => {
  const api = await newUser();
  assert.deepEqual(await space(api), [0, QUOTA]);

  assertRefused(await create(api, 250_001), 403, 'file_size_limit_exceeded');
  const first = await create(api, 250_000);
  assert.equal(first.status, 201);
  assertRefused(await create(api, 50_001), 403, 'storage_limit_exceeded');
  assert.equal((await create(api, 50_000)).status, 201);
  assertRefused(await create(api, 1000), 403, 'storage_limit_exceeded');
  assert.deepEqual(await space(api), [0, QUOTA]);

  assert.equal((await api.delete(`/files/upload_sessions/${first.json.id}`)).status, 204);
  assert.equal((await create(api, 250_000)).status, 201);
});

test('an upload in parts takes the room that was reserved for it', async () => {
  const api = await newUser();
  const session = await api.createSession('parts.bin', bytes.length);
  const committed = await api.commit(session.id, await api.uploadParts(session, bytes), bytes);

  assert.equal(committed.status, 201, committed.text);
  assert.deepEqual(await space(api), [bytes.length, QUOTA]);
  assert.equal((await create(api, QUOTA - bytes.length)).status, 201);
});

test('an upload in one piece is refused where there is no room, before its body is asked for where it says its size', async () => {
  const api = await newUser();
  await upload(api, 'one.bin', bytes);
  await upload(api, 'two.bin', bytes);
  const large = Buffer.alloc(200_000);

  const whole = form(attributes({ name: 'three.bin', parent: { id: '0' } }), filePart(large));
  assertRefused(await sendForm(api, '/files/content', Readable.from([whole])), 403, 'storage_limit_exceeded');
  for (const [length, code] of [
    [470_000, 'storage_limit_exceeded'],
    [600_000, 'file_size_limit_exceeded'],
  ] as const) {
    const headers = { ...FORM, 'content-length': length, expect: '100-continue' };
    assertRefused(await api.call('POST', '/files/content', { headers, body: '' }), 403, code);
  }
  const check = { name: 'three.bin', parent: { id: '0' }, size: 100_001 };
  assertRefused(await api.call('OPTIONS', '/files/content', { body: check }), 403, 'storage_limit_exceeded');
  assert.equal((await api.call('OPTIONS', '/files/content', { body: { ...check, size: 100_000 } })).status, 200);
  assert.deepEqual(await space(api), [200_000, QUOTA]);
});

test('room is there again once a file is deleted for good', async () => {
  const api = await newUser();
  const { id } = await upload(api, 'one.bin', bytes);
  await upload(api, 'two.bin', bytes);
  await upload(api, 'three.bin', bytes);
  const copy = await api.post(`/files/${id}/copy`, { parent: { id: '0' }, name: 'four.bin' });
  assertRefused(copy, 403, 'storage_limit_exceeded');

  await api.delete(`/files/${id}`);
  assert.deepEqual(await space(api), [QUOTA, QUOTA]);
  await api.delete(`/files/${id}/trash`);
  assert.deepEqual(await space(api), [QUOTA - bytes.length, QUOTA]);
  await upload(api, 'four.bin', bytes);
});

test('calls beyond the rate of a user are told when to come again; others, and parts, go on', async () => {
  await using limited = await startServer({
    env: { PARTWAY_RATE_LIMIT: '1', PARTWAY_MIN_SESSION_SIZE: '1000', PARTWAY_PART_SIZE: '65536' },
  });
  const api = new Api(limited);
  const session = await api.createSession('rated.bin', bytes.length);

  const refused = await api.get('/users/me');
  assertRefused(refused, 429, 'rate_limit_exceeded');
  const seconds = Number(refused.headers['retry-after']);
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
  assert.equal((await api.uploadParts(session, bytes)).length, 2);
  assert.equal((await fetch(`${limited.url}/healthz`)).status, 200);
  const other = await addApp(limited);
  const token = await tokenOf(limited, other, await addUser(limited, 'other@partway.test'));
  assert.equal((await new Api({ url: limited.url, token }).get('/users/me')).status, 200);
});

test('uploads have a rate of their own', async () => {
  await using limited = await startServer({ env: { PARTWAY_UPLOAD_RATE_LIMIT: '1' } });
  const api = new Api(limited);
  assert.equal((await create(api, 30_000_000)).status, 201);

  assertRefused(await create(api, 30_000_001), 429, 'rate_limit_exceeded');
  const body = form(attributes({ name: 'two', parent: { id: '0' } }), filePart('2'));
  const refused = await sendForm(api, '/files/content', body);
  assertRefused(refused, 429, 'rate_limit_exceeded');
  assert.ok(Number(refused.headers['retry-after']) >= 1);
  for (let call = 0; call < 20; call++) assert.equal((await api.get('/users/me')).status, 200);
});
