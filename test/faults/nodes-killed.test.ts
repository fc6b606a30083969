import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopPostgres } from '../database/postgres-database.ts';
import { noPostgres } from '../engines/postgres.ts';
import { whyNoS3 } from '../s3/test-store.ts';
import { seededBytes, sha1Hex, splitIntoParts } from '../support/bytes.ts';
import { type SeveralServers, SMALL_PART, startSeveralServers } from '../support/several-servers.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';
import { ErrorResponse, WireClient, type WireFile, type WirePart } from './wire-client.ts';

const KILLS = Number(process.env.PARTWAY_TEST_KILLS ?? 6);
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
const UPLOADERS = 20;
const PARALLEL = 4;

after(stopPostgres);

describe('three nodes with PostgreSQL and S3', {
  skip: whyNoS3 ?? noPostgres,
  timeout: 120_000 + KILLS * 30_000,
}, () => {
  it('keep what they acknowledged if one is killed with unhashed bytes and another one commits', async () => {
    await using nodes = await startSeveralServers(2);
    const [dying, other] = nodes.servers;
    assert.ok(dying && other);
    const [at, elsewhere] = [new WireClient(dying), new WireClient(other)];
    const bytes = seededBytes(8 * SMALL_PART - 1, `${SEED} of two nodes`);
    const session = await at.create('two.bin', bytes.length);
    const parts = splitIntoParts(bytes, session.part_size);
    const sent: WirePart[] = [];
    // All but the first part on one node, so none of them has been hashed.
    for (const part of parts.slice(1)) sent.push(await at.put(session.id, part.offset, part.bytes, bytes.length));
    await dying.kill();
    const [first] = parts;
    sent.unshift(await elsewhere.put(session.id, 0, first?.bytes ?? assert.fail(), bytes.length));
    assert.deepEqual(await elsewhere.list(session.id), sent);
    const file = await elsewhere.commit(session.id, sent, bytes);
    assert.equal(file.sha1, sha1Hex(bytes));
    assert.equal(await elsewhere.downloadSha1(file.id), file.sha1);
  });

  it(`keep every acknowledged part and file if one of them is killed ${KILLS} times during parallel uploads to all of them (PARTWAY_TEST_SEED=${SEED})`, async (t) => {
    const random = seededRandom(SEED);
    await using nodes = await startSeveralServers(3);
    const files: { file: WireFile; bytes: () => Buffer }[] = [];
    let killing = true;

    async function keepUploading(uploader: number): Promise<void> {
      for (let n = 0; killing || n === 0; n++) {
        const name = `${uploader}-${n}.bin`;
        const size = random.below(12 * SMALL_PART) + 1;
        const bytes = () => seededBytes(size, `${SEED} ${name}`);
        files.push({ file: await uploadAnywhere(nodes, random, name, bytes()), bytes });
      }
    }
    async function keepKilling(): Promise<void> {
      for (let kill = 0; kill < KILLS; kill++) {
        // Not a wait for an event: it spreads the kills.
        await sleep(random.below(1_500));
        const victim = random.pick(nodes.servers);
        await victim.kill();
        await victim.restart();
      }
      killing = false;
    }
    await Promise.all([keepKilling(), ...Array.from({ length: UPLOADERS }, (_, n) => keepUploading(n))]);
    t.diagnostic(`${files.length} files`);

    const client = new WireClient(nodes.servers[0] ?? assert.fail());
    for (const { file, bytes } of files) {
      assert.equal(file.sha1, sha1Hex(bytes()));
      assert.equal(await client.downloadSha1(file.id), file.sha1);
    }
  });
});

/**
 * Uploads a file with calls to any node, four parts at a time; a call that a node does not answer is sent to the next
 * one.
 */
async function uploadAnywhere(
  nodes: SeveralServers,
  random: SeededRandom,
  name: string,
  bytes: Buffer,
): Promise<WireFile> {
  const retry = <T>(call: (client: WireClient) => Promise<T>) => retryUntilAnswered(nodes, random, call);
  // A created session whose response was lost does not occupy the name, so the next call creates another session.
  const session = await retry((client) => client.create(name, bytes.length));
  const queue = splitIntoParts(bytes, session.part_size);
  const acknowledged: WirePart[] = [];
  const worker = async () => {
    for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
      const { offset, bytes: its } = part;
      acknowledged.push(await retry((client) => client.put(session.id, offset, its, bytes.length)));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  acknowledged.sort((a, b) => a.offset - b.offset);
  assert.deepEqual(await retry((client) => client.list(session.id)), acknowledged, 'an acknowledged part is lost');
  return retry((client) => client.commit(session.id, acknowledged, bytes));
}

/** No response and 503 are the only errors that clients may see when a node dies or waits for a dead one. */
async function retryUntilAnswered<T>(
  { servers }: SeveralServers,
  random: SeededRandom,
  call: (client: WireClient) => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await call(new WireClient(random.pick(servers)));
    } catch (error) {
      const mayPass = error instanceof TypeError || (error instanceof ErrorResponse && error.status === 503);
      if (!mayPass) throw error;
      await sleep(50);
    }
  }
}
