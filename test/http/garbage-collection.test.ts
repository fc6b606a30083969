import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';
import { bytesNotOnDisk, listStoredBlobs } from '../support/storage.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { waitForCleanup } from '../support/wait-for-cleanup.ts';

const FREQUENT_COLLECTION = {
  PARTWAY_SWEEP_INTERVAL: '10ms',
  PARTWAY_ORPHAN_GRACE: '0ms',
  PARTWAY_MIN_SESSION_SIZE: '0',
};

test('garbage collection does not delete a direct upload that is still arriving', {
  skip: bytesNotOnDisk && `${bytesNotOnDisk}, and a direct upload is stored only after all of it has arrived`,
}, async () => {
  await using server = await startServer({ env: FREQUENT_COLLECTION });
  const api = new Api(server);
  const bytes = seededBytes(300_000, 'slow direct upload');
  const staging = join(server.dataFolder, 'staging');
  const rows = await openTestDatabase(server.dataFolder);
  const answer = await api.call('POST', '/files/content', {
    headers: { 'content-type': 'multipart/form-data; boundary=x', 'transfer-encoding': 'chunked' },
    body: (async function* () {
      const attributes = JSON.stringify({ name: 'slow.bin', parent: { id: '0' } });
      yield Buffer.from(`--x\r\ncontent-disposition: form-data; name="attributes"\r\n\r\n${attributes}\r\n`);
      yield Buffer.from('--x\r\ncontent-disposition: form-data; name="file"; filename="y"\r\n\r\n');
      yield bytes.subarray(0, 150_000);
      await until(async () => (await readdir(staging)).length > 0);
      // Garbage collection now sees the file and must not delete it.
      for (let runs = 0; runs < 3; runs++) await waitForCleanup(rows);
      yield bytes.subarray(150_000);
      yield Buffer.from('\r\n--x--\r\n');
    })(),
  });
  await rows.destroy();
  assert.equal(answer.status, 201, answer.text);
  assert.deepEqual(await api.download(answer.json.entries[0].id), bytes);
});

test('an aborted upload leaves no bytes', async () => {
  await using server = await startServer({ env: { ...FREQUENT_COLLECTION, PARTWAY_PART_SIZE: '65536' } });
  const api = new Api(server);
  const session = await api.createSession('aborted.bin', 100_000);
  await api.putPart(session.id, { offset: 0, bytes: seededBytes(65_536, 'a'), total: 100_000 });
  assert.equal((await listStoredBlobs(server.dataFolder)).length, 1);
  assert.equal((await api.delete(`/files/upload_sessions/${session.id}`)).status, 204);
  assert.deepEqual(await listStoredBlobs(server.dataFolder), []);
});
