import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../../packages/server/src/config/config.ts';
import { startServer } from '../../packages/server/src/server.ts';
import { Api } from '../support/api.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { startServer as startProcess } from '../support/server.ts';
import { listStoredBlobs, storageSettings } from '../support/storage.ts';
import { TestClock } from '../support/test-clock.ts';
import { dropTestDatabase, ensureDatabase, onlySqlite } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { attributes, filePart, form, sendForm, upload } from './forms.ts';

const DAY = 24 * 3_600_000;
/** Why tests that move the clock are skipped; false if they are not. */
const OWN_CLOCK = onlySqlite && 'a server on PostgreSQL follows the clock of the database';
const TOKEN = 'token-of-the-retention-test';

/** Runs `act` with a server on a clock that the test controls. Background jobs run every 10 ms, whatever that clock says. */
async function withServer(
  { folder, clock, retention }: { folder: string; clock: TestClock; retention?: string },
  act: (api: Api) => Promise<void>,
): Promise<void> {
  const config = readConfig({
    PARTWAY_DATA: folder,
    PARTWAY_LISTEN: '127.0.0.1:0',
    PARTWAY_TOKEN: TOKEN,
    PARTWAY_SWEEP_INTERVAL: '10ms',
    PARTWAY_LOG: 'silent',
    ...(retention !== undefined && { PARTWAY_TRASH_RETENTION: retention }),
    ...storageSettings(folder),
    ...(await ensureDatabase(folder)),
  });
  const server = await startServer(config, clock);
  try {
    await act(new Api({ url: server.url, token: TOKEN }));
  } finally {
    await server.stop();
  }
}

async function createFolder(): Promise<string> {
  return deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-retention-')));
}

async function createTrashedFile(api: Api): Promise<string> {
  const { id } = await upload(api, 'file.txt', 'bytes');
  assert.equal((await api.delete(`/files/${id}`)).status, 204);
  return `/files/${id}/trash`;
}

const usedSpace = async (api: Api) => (await api.get('/users/me')).json.space_used;

test('purged_at says when the server purges a trashed file, and then it does', { skip: OWN_CLOCK }, async () => {
  const folder = await createFolder();
  const clock = new TestClock(Date.parse('2026-11-22T15:00:00Z'));
  await withServer({ folder, clock }, async (api) => {
    const path = await createTrashedFile(api);
    const { trashed_at: trashed, purged_at: purged } = (await api.get(path)).json;
    assert.equal(Date.parse(purged) - Date.parse(trashed), 30 * DAY);
    assert.equal(await usedSpace(api), 5);
    clock.advance(30 * DAY - 1_000);
    assert.equal((await api.get(path)).status, 200);
    clock.advance(1_000);
    await until(async () => (await api.get(path)).status === 404);
    assert.equal(await usedSpace(api), 0);
  });
  await dropTestDatabase(folder);
});

test('without a retention, purged_at is null; the first start with one counts for what is in the trash already', {
  skip: OWN_CLOCK,
}, async () => {
  const folder = await createFolder();
  const clock = new TestClock(Date.parse('2026-11-22T15:00:00Z'));
  let path = '';
  await withServer({ folder, clock, retention: 'off' }, async (api) => {
    path = await createTrashedFile(api);
    assert.equal((await api.get(path)).json.purged_at, null);
  });
  clock.advance(100 * DAY);
  const first = clock.now();
  await withServer({ folder, clock, retention: '7d' }, async (api) => {
    assert.equal(Date.parse((await api.get(path)).json.purged_at), first + 7 * DAY);
  });
  clock.advance(6 * DAY);
  await withServer({ folder, clock, retention: '7d' }, async (api) => {
    assert.equal(Date.parse((await api.get(path)).json.purged_at), first + 7 * DAY);
    assert.equal((await api.get(path)).status, 200);
    clock.advance(DAY);
    await until(async () => (await api.get(path)).status === 404);
  });
  await dropTestDatabase(folder);
});

test('a server deletes files, folders and versions whose time in the trash is over, with their bytes', async () => {
  const env = { PARTWAY_TRASH_RETENTION: '1ms', PARTWAY_SWEEP_INTERVAL: '50ms' };
  await using server = await startProcess({ env });
  const api = new Api(server);
  const folder = (await api.post('/folders', { name: 'folder', parent: { id: '0' } })).json;
  await upload(api, 'inside.txt', 'inside', folder.id);
  const file = await upload(api, 'file.txt', 'first');
  const newVersion = form(attributes({ name: 'file.txt' }), filePart('second!'));
  assert.equal((await sendForm(api, `/files/${file.id}/content`, newVersion)).status, 201);
  const other = await upload(api, 'other.txt', 'other');

  assert.equal((await api.delete(`/folders/${folder.id}?recursive=true`)).status, 204);
  assert.equal((await api.delete(`/files/${other.id}`)).status, 204);
  assert.equal((await api.delete(`/files/${file.id}/versions/${file.file_version.id}`)).status, 204);
  await until(async () => (await usedSpace(api)) === 7);
  // Bytes are deleted after their rows.
  await until(async () => (await listStoredBlobs(server.dataFolder)).length === 1);
  assert.equal(String(await api.download(file.id)), 'second!');
});

test('a retention that is neither a time nor off is refused', () => {
  for (const retention of ['never', '0s', '30']) {
    assert.throws(
      () => readConfig({ PARTWAY_TRASH_RETENTION: retention }),
      /PARTWAY_TRASH_RETENTION=\w+: must be a time such as 12h or 30d, or off/,
    );
  }
});
