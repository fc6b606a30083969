import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import { noPostgres, startPostgres } from '../engines/postgres.ts';
import { seededBytes, sha1Hex, splitIntoParts } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { seededRandom } from './seeded-random.ts';
import { ErrorResponse, WireClient, type WireFile, type WirePart } from './wire-client.ts';

const RESTARTS = Number(process.env.PARTWAY_TEST_KILLS ?? 8);
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
const PART = 65_536;
const UPLOADERS = 4;

describe(`a server whose PostgreSQL is stopped or killed ${RESTARTS} times during uploads`, {
  skip: noPostgres,
  timeout: 600_000,
}, () => {
  it(`returns 503 in the meantime, keeps running, and loses nothing (PARTWAY_TEST_SEED=${SEED})`, async (t) => {
    const random = seededRandom(SEED);
    await using postgres = await startPostgres();
    const db = openPostgres(postgres.url);
    await migrate(db);
    await db.destroy();
    const env = { PARTWAY_DATABASE: postgres.url, PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0' };
    await using server = await startServer({ env: { ...env, PARTWAY_SWEEP_INTERVAL: '100ms' } });
    const client = new WireClient(server);
    const files: { file: WireFile; name: string; bytes: Buffer }[] = [];
    let restarting = true;
    let refusals = 0;

    /** Repeats a call until it succeeds. Any error other than 503 fails the test. */
    async function retryWhileUnavailable<T>(act: () => Promise<T>): Promise<T> {
      for (;;) {
        try {
          return await act();
        } catch (error) {
          if (!(error instanceof ErrorResponse) || error.status !== 503 || error.code !== 'unavailable') throw error;
          refusals += 1;
          await sleep(20);
        }
      }
    }
    async function upload(name: string, bytes: Buffer): Promise<WireFile> {
      const { id } = await retryWhileUnavailable(() => client.create(name, bytes.length));
      const sent: WirePart[] = [];
      for (const { offset, bytes: part } of splitIntoParts(bytes, PART)) {
        sent.push(await retryWhileUnavailable(() => client.put(id, offset, part, bytes.length)));
      }
      assert.deepEqual(await retryWhileUnavailable(() => client.list(id)), sent, 'an acknowledged part is lost');
      const file = await retryWhileUnavailable(() => client.commit(id, sent, bytes));
      assert.deepEqual(await retryWhileUnavailable(() => client.commit(id, sent, bytes)), file);
      return file;
    }
    async function keepUploading(uploader: number): Promise<void> {
      for (let n = 0; restarting; n++) {
        const name = `${uploader}-${n}.bin`;
        const bytes = seededBytes(random.below(6 * PART) + 1, `${SEED} ${name}`);
        files.push({ file: await upload(name, bytes), name, bytes });
      }
    }
    async function keepRestarting(): Promise<void> {
      for (let n = 0; n < RESTARTS; n++) {
        // Not a wait for an event: it spreads the restarts over all stages of the uploads.
        await sleep(random.below(300));
        await (n % 2 === 0 ? postgres.kill() : postgres.stop());
        if (n === 0) await waitForReadiness(server, 503);
        await postgres.start();
        if (n === 0) await waitForReadiness(server, 200);
      }
      restarting = false;
    }
    await Promise.all([keepRestarting(), ...Array.from({ length: UPLOADERS }, (_, n) => keepUploading(n))]);
    t.diagnostic(`${files.length} files, ${refusals} times "later"`);

    assert.ok(refusals > 0);
    for (const { file, bytes } of files) {
      assert.equal(file.sha1, sha1Hex(bytes));
      assert.equal(await client.downloadSha1(file.id), file.sha1);
    }
    assert.deepEqual((await client.names()).toSorted(), files.map(({ name }) => name).toSorted());
  });
});

async function waitForReadiness(server: TestServer, status: number): Promise<void> {
  while ((await fetch(`${server.url}/readyz`)).status !== status) await sleep(20);
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
}
