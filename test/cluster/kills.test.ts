import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Postgres, startPostgres } from '../engines/postgres.ts';
import { type SeededRandom, seededRandom } from '../faults/seeded-random.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { type Cluster, noCluster, SMALL_PARTS, startCluster } from './cluster.ts';
import { RetryingClient } from './retrying-client.ts';

/**
 * As in the tests of one server, PARTWAY_TEST_KILLS=50 is the long run whose result is in
 * docs/operate/performance.md.
 */
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.PARTWAY_TEST_KILLS ?? 3);
const NODES = 3;
const UPLOADS = 20;
const MAX_PARTS = 40;
const PART = 64 * 1024;
/** Maximum pause between a node's return and the next kill. */
const MAX_PAUSE_MS = 1500;

describe('one of three nodes is killed repeatedly', { skip: noCluster }, () => {
  let postgres: Postgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres?.[Symbol.asyncDispose]());

  test(`${KILLS} kills at random moments during ${UPLOADS} parallel uploads lose nothing (PARTWAY_TEST_SEED=${SEED})`, async (t) => {
    const random = seededRandom(SEED);
    await using cluster = await startCluster({ nodes: NODES, postgres, env: SMALL_PARTS });
    const client = new RetryingClient(cluster);
    const files = new Map<string, string>();
    let over = false;

    const uploadRepeatedly = async (worker: number) => {
      for (let round = 0; round === 0 || !over; round++) {
        const name = `lane-${worker}-${round}.bin`;
        const bytes = seededBytes((1 + random.below(MAX_PARTS)) * PART - random.below(PART), name);
        const { id } = await client.upload(name, bytes);
        files.set(id, sha1Hex(bytes));
      }
    };
    const uploads = Array.from({ length: UPLOADS }, (_, worker) => uploadRepeatedly(worker));
    const kills = kill(cluster, random).finally(() => {
      over = true;
    });
    // Wait for all of them, or the nodes would be stopped during the remaining uploads.
    for (const ended of await Promise.allSettled([kills, ...uploads]))
      if (ended.status === 'rejected') throw ended.reason;

    for (const [id, sha1] of files) assert.equal(await client.sha1Of(id), sha1);
    const names = await client.names();
    assert.equal(new Set(names).size, names.length);
    const { refused, broken } = client.errors;
    t.diagnostic(
      `${files.size} files, ${client.acknowledged} parts acknowledged, none lost; ${refused.length} answers of 502 to 504 and ` +
        `${broken} broken connections were made up for`,
    );
  });
});

async function kill(cluster: Cluster, random: SeededRandom): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(random.below(MAX_PAUSE_MS));
    const node = random.pick(cluster.nodes);
    await node.kill();
    await node.restart();
  }
}
