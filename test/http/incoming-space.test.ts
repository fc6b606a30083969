import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { onlySqlite } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { attributes, FORM, filePart, form, sendForm, upload } from './forms.ts';

const QUOTA = 1_000_000;
const ENV = { PARTWAY_USER_QUOTA: String(QUOTA), PARTWAY_MIN_SESSION_SIZE: '1000' };
const LARGE = seededBytes(0.9 * QUOTA, 'one fits');

const createBody = (name: string, bytes: Buffer) => form(attributes({ name, parent: { id: '0' } }), filePart(bytes));

/** Reserved and used space, according to the database. */
function readSpace(server: TestServer): { reserved: number; used: number; incoming: number } {
  const db = new DatabaseSync(join(server.dataFolder, 'partway.sqlite'), { readOnly: true });
  const row = db
    .prepare(
      `select (select sum(space_reserved) from users) as reserved, (select sum(space_used) from users) as used,
        (select count(*) from unreferenced_blobs) as incoming`,
    )
    .get() as { reserved: number; used: number; incoming: number };
  db.close();
  return { ...row };
}

for (const [how, wrap] of [
  ['with Content-Length', (body: Buffer) => body],
  ['of unknown length', (body: Buffer) => Readable.from([body.subarray(0, 100_000), body.subarray(100_000)])],
] as const) {
  test(`30 direct uploads at once ${how} together never exceed the quota`, async () => {
    await using server = await startServer({ env: ENV });
    const api = new Api(server);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) => sendForm(api, '/files/content', wrap(createBody(`${n}.bin`, LARGE)))),
    );
    const created = answers.filter(({ status }) => status === 201);
    assert.ok(created.length <= 1, `${created.length} were accepted`);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      assert.deepEqual([answer.status, answer.json.code], [403, 'storage_limit_exceeded']);
    }
    if (created.length === 0) await upload(api, 'after.bin', LARGE);
    assert.equal((await api.get('/users/me')).json.space_used, LARGE.length);
    // The space that was reserved for the others is free again.
    await upload(api, 'rest.bin', seededBytes(QUOTA - LARGE.length, 'rest'));
  });
}

test('new versions, sessions and copies share the quota with bodies that are still arriving', {
  skip: onlySqlite,
}, async () => {
  await using server = await startServer({ env: ENV });
  const api = new Api(server);
  const { id } = await upload(api, 'small.bin', seededBytes(190_000, 'small'));
  const arriving = await startUpload(server, seededBytes(600_000, 'arriving'));
  await until(() => readSpace(server).reserved >= 600_000);

  const session = await api.post('/files/upload_sessions', { folder_id: '0', file_size: 300_000, file_name: 's' });
  assert.deepEqual([session.status, session.json.code], [403, 'storage_limit_exceeded']);
  const copy = await api.post(`/files/${id}/copy`, { parent: { id: '0' }, name: 'copy' });
  assert.equal(copy.status, 201, copy.text);
  const version = await sendForm(api, `/files/${id}/content`, createBody('small.bin', LARGE));
  assert.deepEqual([version.status, version.json.code], [403, 'storage_limit_exceeded']);

  arriving.destroy();
  await until(() => readSpace(server).reserved === 0);
  assert.equal(
    (await api.post('/files/upload_sessions', { folder_id: '0', file_size: 300_000, file_name: 's' })).status,
    201,
  );
});

test('a body of unknown length is counted as it arrives, and rejected when the quota is used up', {
  skip: onlySqlite,
}, async () => {
  await using server = await startServer({ env: ENV });
  const api = new Api(server);
  const arriving = await startUpload(server, seededBytes(600_000, 'arriving'), { hasLength: false });
  await until(() => readSpace(server).reserved >= 590_000);
  assert.ok(readSpace(server).reserved < 700_000);

  const session = await api.post('/files/upload_sessions', { folder_id: '0', file_size: 500_000, file_name: 's' });
  assert.deepEqual([session.status, session.json.code], [403, 'storage_limit_exceeded']);
  // Its end is never sent.
  const [rejected] = await once(await startUpload(server, LARGE, { hasLength: false }), 'response');
  assert.equal(rejected.statusCode, 403);

  arriving.destroy();
  await until(() => readSpace(server).reserved === 0 && readSpace(server).incoming === 0);
  await upload(api, 'after.bin', LARGE);
});

test('space that was reserved for a disconnected client or by a killed server is released', {
  skip: onlySqlite,
}, async () => {
  await using server = await startServer({ env: ENV });
  const api = new Api(server);
  const left = await startUpload(server, LARGE);
  await until(() => readSpace(server).reserved > 0);
  left.destroy();
  await until(() => readSpace(server).reserved === 0 && readSpace(server).incoming === 0);

  const killed = await startUpload(server, LARGE);
  await until(() => readSpace(server).reserved > 0);
  await server.kill();
  killed.destroy();
  assert.ok(readSpace(server).reserved > 0);
  await server.restart();
  assert.equal(readSpace(server).reserved, 0);
  await upload(api, 'after.bin', LARGE);
  await until(() => readSpace(server).incoming === 0);
});

/** A direct upload that has been sent except for its end. */
async function startUpload(server: TestServer, bytes: Buffer, { hasLength = true } = {}) {
  const body = createBody('held.bin', bytes);
  const length = hasLength ? { 'content-length': body.length } : {};
  const headers = { ...FORM, authorization: `Bearer ${server.token}`, ...length };
  const sent = request(`${server.url}/2.0/files/content`, { method: 'POST', headers });
  sent.on('error', () => {});
  if (!sent.write(body.subarray(0, -100))) await once(sent, 'drain');
  return sent;
}
