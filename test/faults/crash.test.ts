import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';
import { listStoredBlobs } from '../support/storage.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { RestartingServer } from './restarting-server.ts';
import { uploadWithRetries } from './retrying-client.ts';
import { seededRandom } from './seeded-random.ts';
import { WireClient, type WireFile } from './wire-client.ts';

const KILLS = Number(process.env.PARTWAY_TEST_KILLS ?? 12);
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
const UPLOADERS = 3;
const TOKEN = 'the-token-of-the-crash-test';

describe(`a server that is killed ${KILLS} times under parallel uploads`, { timeout: 60_000 + KILLS * 20_000 }, () => {
  it(`keeps every acknowledged part and file (PARTWAY_TEST_SEED=${SEED})`, async (t) => {
    const random = seededRandom(SEED);
    const partSize = random.pick([65_536, 262_144, 1_048_576]);
    const env = { PARTWAY_TOKEN: TOKEN, PARTWAY_PART_SIZE: String(partSize), PARTWAY_MIN_SESSION_SIZE: '0' };
    await using process = await startServer({ env });
    const server = new RestartingServer(process);
    const files: { file: WireFile; bytes: () => Buffer }[] = [];

    let killing = true;
    async function keepUploading(uploader: number): Promise<void> {
      for (let n = 0; killing; n++) {
        const name = `${uploader}-${n}.bin`;
        const bytes = () => seededBytes(size, `${SEED} ${name}`);
        const size = random.below(10 * partSize) + 1;
        files.push({ file: await uploadWithRetries(server, name, bytes()), bytes });
      }
    }
    async function keepKilling(): Promise<void> {
      for (let kill = 0; kill < KILLS; kill++) {
        const at = random.pick(['put', 'commit', 'create', 'any time'] as const);
        if (at !== 'any time') await server.sent(at);
        // Not a wait for an event: it spreads the kills over all stages of such a call.
        await sleep(random.below(at === 'any time' ? 400 : 20));
        await server.kill();
      }
      killing = false;
    }
    const uploads = Array.from({ length: UPLOADERS }, (_, uploader) => keepUploading(uploader));
    await Promise.all([keepKilling(), ...uploads]);
    t.diagnostic(`${files.length} files in parts of ${partSize} bytes`);

    for (const { file, bytes } of files) {
      assert.equal(file.sha1, sha1Hex(bytes()));
      assert.equal(await server.client.downloadSha1(file.id), file.sha1);
    }
    const names = (await server.client.names()).toSorted();
    assert.deepEqual(names, files.map(({ file }) => file.name).toSorted());

    await process.stop();
    const { dataFolder } = process;
    await assertCleanedUp(
      dataFolder,
      files.map(({ file }) => file),
    );
  });
});

/** Asserts that a server with short intervals deletes everything that the kills left, and nothing else. */
async function assertCleanedUp(dataFolder: string, files: readonly WireFile[]): Promise<void> {
  const env = { PARTWAY_TOKEN: TOKEN, PARTWAY_ORPHAN_GRACE: '0s', PARTWAY_SWEEP_INTERVAL: '50ms' };
  const forgotten = await listOpenSessions(dataFolder);
  await using server = await startServer({ dataFolder, env });
  const client = new WireClient(server);
  // Sessions that no client knows of, because the server died before it responded.
  for (const session of forgotten) await client.abort(session);
  await until(async () => {
    const stored = await listStoredBlobs(dataFolder);
    return stored.length === files.length && stored.every(({ kind }) => kind === 'complete');
  });
  for (const file of files) assert.equal(await client.downloadSha1(file.id), file.sha1);
}

async function listOpenSessions(dataFolder: string): Promise<string[]> {
  const db = await openTestDatabase(dataFolder);
  const rows = await db.selectFrom('upload_sessions').select('id').where('state', '=', 'open').execute();
  await db.destroy();
  return rows.map(({ id }) => id);
}
