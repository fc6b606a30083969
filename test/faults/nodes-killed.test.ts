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
import { Refused, WireClient, type WireFile, type WirePart } from './wire-client.ts';

const KILLS = Number(process.env.PARTWAY_TEST_KILLS ?? 6);
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
const UPLOADERS = 20;
const AT_ONCE = 4;

after(stopPostgres);

describe('three nodes over PostgreSQL and S3', {
  skip: whyNoS3 ?? noPostgres,
  timeout: 120_000 + KILLS * 30_000,
}, () => {
  it('keep what they acknowledged where one is killed with bytes that no digest has, and the other commits', async () => {
    await using nodes = await startSeveralServers(2);
    const [dying, other] = nodes.servers;
    assert.ok(dying && other);
    const [at, elsewhere] = [new WireClient(dying), new WireClient(other)];
    const bytes = seededBytes(8 * SMALL_PART - 1, `${SEED} of two nodes`);
    const session = await at.create('two.bin', bytes.length);
    const parts = splitIntoParts(bytes, session.part_size);
    const sent: WirePart[] = [];
    // All but the first part at one node: none of them can be in the digest.
    for (const part of parts.slice(1)) sent.push(await at.put(session.id, part.offset, part.bytes, bytes.length));
    await dying.kill();
    const [first] = parts;
    sent.unshift(await elsewhere.put(session.id, 0, first?.bytes ?? assert.fail(), bytes.length));
    assert.deepEqual(await elsewhere.list(session.id), sent);
    const file = await elsewhere.commit(session.id, sent, bytes);
    assert.equal(file.sha1, sha1Hex(bytes));
    assert.equal(await elsewhere.sha1Of(file.id), file.sha1);
  });

  it(`of which one is killed ${KILLS} times at any moment, under parallel uploads to all of them, keep every part and every file (PARTWAY_TEST_SEED=${SEED})`, async (t) => {
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
        // Not a wait for anything: it spreads the kills.
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
      assert.equal(await client.sha1Of(file.id), file.sha1);
    }
  });
});

/** Uploads a file by calls to any node, four parts at a time; what a node could not answer is asked of the next one. */
async function uploadAnywhere(
  nodes: SeveralServers,
  random: SeededRandom,
  name: string,
  bytes: Buffer,
): Promise<WireFile> {
  const ask = <T>(call: (client: WireClient) => Promise<T>) => askUntilAnswered(nodes, random, call);
  // A create whose answer was lost holds no name: the next one is another session.
  const session = await ask((client) => client.create(name, bytes.length));
  const queue = splitIntoParts(bytes, session.part_size);
  const acknowledged: WirePart[] = [];
  const sender = async () => {
    for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
      const { offset, bytes: its } = part;
      acknowledged.push(await ask((client) => client.put(session.id, offset, its, bytes.length)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  acknowledged.sort((a, b) => a.offset - b.offset);
  assert.deepEqual(await ask((client) => client.list(session.id)), acknowledged, 'an acknowledged part is lost');
  return ask((client) => client.commit(session.id, acknowledged, bytes));
}

/** No answer and 503 are all that a client may see of a node that dies, or of one that waits for it. */
async function askUntilAnswered<T>(
  { servers }: SeveralServers,
  random: SeededRandom,
  call: (client: WireClient) => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await call(new WireClient(random.pick(servers)));
    } catch (error) {
      const mayPass = error instanceof TypeError || (error instanceof Refused && error.status === 503);
      if (!mayPass) throw error;
      await sleep(50);
    }
  }
}
