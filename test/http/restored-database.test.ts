import assert from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { bytesNotOnDisk, listStoredBlobs } from '../support/storage.ts';
import { onlySqlite } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { attributes, filePart, form, sendForm, upload } from './forms.ts';

const ENV = {
  PARTWAY_ORPHAN_GRACE: '0ms',
  PARTWAY_SWEEP_INTERVAL: '20ms',
  PARTWAY_MIN_SESSION_SIZE: '0',
  PARTWAY_PART_SIZE: '65536',
  PARTWAY_LOG: 'info',
};
const SIZE = 100_000;
const skip = onlySqlite || bytesNotOnDisk || false;

const createBytes = (name: string) => seededBytes(SIZE, name);
const databasePath = ({ dataFolder }: TestServer) => join(dataFolder, 'partway.sqlite');

async function restoreDatabase(server: TestServer, from: string): Promise<void> {
  await server.stop();
  for (const suffix of ['-wal', '-shm']) await rm(`${databasePath(server)}${suffix}`, { force: true });
  await copyFile(from, databasePath(server));
  await server.restart();
}

test('an older backup of the database deletes none of the newer files and reports them, and the newer backup finds them all', {
  skip,
}, async () => {
  await using server = await startServer({ env: ENV });
  const [older, newer] = ['older', 'newer'].map((name) => join(server.dataFolder, `../${name}.sqlite`)) as [
    string,
    string,
  ];
  const api = new Api(server);
  const files = new Map<string, string>();
  for (let n = 0; n < 3; n++) files.set(`old-${n}`, (await upload(api, `old-${n}`, createBytes(`old-${n}`))).id);
  await server.stop();
  await copyFile(databasePath(server), older);
  await server.restart();
  for (let n = 0; n < 5; n++) files.set(`new-${n}`, (await upload(api, `new-${n}`, createBytes(`new-${n}`))).id);
  const session = await api.createSession('open.bin', SIZE);
  const bytes = createBytes('open.bin');
  const first = await api.putPart(session.id, { offset: 0, bytes: bytes.subarray(0, 65_536), total: SIZE });
  assert.equal(first.status, 200);
  await server.stop();
  await copyFile(databasePath(server), newer);
  const before = await listStoredBlobs(server.dataFolder);

  await restoreDatabase(server, older);
  await server.waitForLog(/"orphans":6,.*found orphans.*Restore an older database/);
  // The next garbage collection deletes nothing either.
  await upload(api, 'since', createBytes('since'));
  assert.equal((await listStoredBlobs(server.dataFolder)).length, before.length + 1);

  await restoreDatabase(server, newer);
  for (const [name, id] of files) assert.deepEqual(await api.download(id), createBytes(name), name);
  const last = await api.putPart(session.id, { offset: 65_536, bytes: bytes.subarray(65_536), total: SIZE });
  const committed = await api.commit(session.id, [first.json.part, last.json.part], bytes);
  assert.equal(committed.status, 201, committed.text);
});

test('a backup from the moment before a file was named does not delete the file either', { skip }, async () => {
  await using server = await startServer({ env: ENV });
  const [older, newer] = ['before', 'after'].map((name) => join(server.dataFolder, `../${name}.sqlite`)) as [
    string,
    string,
  ];
  const api = new Api(server);
  const body = form(attributes({ name: 'named', parent: { id: '0' } }), filePart(createBytes('named')));
  const { promise: isBackedUp, resolve: resume } = Promise.withResolvers<void>();
  async function* slowly() {
    yield body.subarray(0, -100);
    await isBackedUp;
    yield body.subarray(-100);
  }
  const arriving = sendForm(api, '/files/content', Readable.from(slowly()));
  const rows = new DatabaseSync(databasePath(server));
  await until(() => rows.prepare('select * from unreferenced_blobs').all().length === 1);
  rows.exec(`vacuum into '${older}'`);
  rows.close();
  resume();
  const { status, json } = await arriving;
  assert.equal(status, 201);
  await server.stop();
  await copyFile(databasePath(server), newer);

  await restoreDatabase(server, older);
  await server.waitForLog(/"orphans":1,.*found orphans/);
  // The next garbage collection does not delete it.
  await upload(api, 'since', createBytes('since'));
  assert.equal((await listStoredBlobs(server.dataFolder)).length, 2);

  await restoreDatabase(server, newer);
  assert.deepEqual(await api.download(json.entries[0].id), createBytes('named'));
});

test('deleted, aborted and rejected uploads are not orphans, and their bytes are deleted immediately', {
  skip,
}, async () => {
  await using server = await startServer({ env: { ...ENV, PARTWAY_USER_QUOTA: '250000' } });
  const api = new Api(server);
  const { id } = await upload(api, 'deleted', createBytes('deleted'));
  await api.delete(`/files/${id}`);
  await api.delete(`/files/${id}/trash`);
  const { id: session } = await api.createSession('aborted', SIZE);
  await api.delete(`/files/upload_sessions/${session}`);
  await assert.rejects(upload(api, 'refused', seededBytes(250_001, 'refused')), /storage_limit_exceeded/);
  assert.deepEqual(await listStoredBlobs(server.dataFolder), []);
  assert.equal((await api.get('/users/me')).json.space_used, 0);
});
