import assert from 'node:assert/strict';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Worker } from 'node:worker_threads';
import type { Native } from '../../packages/native/src/native.ts';
import { DigestWorkerLostError } from '../../packages/server/src/hash-workers/errors.ts';
import { openNativeResumablePool } from '../../packages/server/src/hash-workers/native-resumable-pool.ts';
import {
  DigestStateUnusableError,
  type HashState,
  openResumableHashPool,
  type ResumableHashPool,
  startResumableWorker,
} from '../../packages/server/src/hash-workers/resumable-pool.ts';
import { seededRandom } from '../faults/seeded-random.ts';
import { noNative, testNative } from '../support/native.ts';

const MIB = 1024 * 1024;
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));

const POOLS: { name: string; skip: string | false; open: (workers: number) => ResumableHashPool }[] = [
  { name: 'hash-wasm', skip: false, open: (workers) => openResumableHashPool({ workers }) },
  { name: 'the native module', skip: noNative, open: () => openNativeResumablePool(testNative as Native) },
];

const bytes = randomBytes(3 * MIB + 7);
let folder: string;
let path: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partway-saved-digest-'));
  path = join(folder, 'file');
  await writeFile(path, bytes);
});
after(() => rm(folder, { recursive: true }));

const local = (from: number, to: number) => ({ path, offset: from, length: to - from });

for (const { name, skip, open: openPool } of POOLS) {
  describe(`resumable hashes of ${name}`, { skip }, () => {
    const withDigests = (body: (digests: ResumableHashPool) => Promise<void>, workers = 1) =>
      useDigests(openPool(workers), body);
    it('continue in another pool from any position, with a text of 128 characters', async () => {
      let state: HashState | undefined;
      let from = 0;
      for (const to of [1, 63, 64, 65, MIB, MIB, 3 * MIB + 1, bytes.length]) {
        await withDigests(async (digests) => {
          state = await digests.extend(state, local(from, to));
          assert.equal(await digests.finish(state), sha1(bytes.subarray(0, to)));
        });
        assert.match(state ?? '', /^[A-Za-z0-9+/]{128}$/);
        from = to;
      }
    });

    it('accept bytes from memory as well as from a file', () =>
      withDigests(async (digests) => {
        let state = await digests.extend(undefined, local(0, 100));
        state = await digests.extend(state, new Uint8Array(bytes.subarray(100, MIB)));
        state = await digests.extend(state, local(MIB, bytes.length));
        assert.equal(await digests.finish(state), sha1(bytes));
      }));

    it('do not change a state that is continued: a state is a value', () =>
      withDigests(async (digests) => {
        const state = await digests.extend(undefined, local(0, 1000));
        const [one, other] = await Promise.all([
          digests.extend(state, local(1000, 2000)),
          digests.extend(state, local(1000, 3000)),
        ]);
        assert.equal(await digests.finish(state), sha1(bytes.subarray(0, 1000)));
        assert.equal(await digests.finish(one), sha1(bytes.subarray(0, 2000)));
        assert.equal(await digests.finish(other), sha1(bytes.subarray(0, 3000)));
      }, 2));

    it('return the empty digest if nothing was added', () =>
      withDigests(async (digests) => {
        assert.equal(await digests.finish(undefined), sha1(Buffer.of()));
        assert.equal(await digests.finish(await digests.extend(undefined, new Uint8Array())), sha1(Buffer.of()));
      }));

    it('reject a state of another version or a damaged one with an error code', () =>
      withDigests(async (digests) => {
        const state = await digests.extend(undefined, local(0, 1000));
        const foreign = Buffer.from(state, 'base64');
        foreign.writeUInt8(foreign.readUInt8(0) ^ 1, 0);
        for (const unusable of [foreign.toString('base64'), state.slice(0, 64), '']) {
          await assert.rejects(digests.extend(unusable as HashState, local(0, 1)), DigestStateUnusableError);
          await assert.rejects(digests.finish(unusable as HashState), DigestStateUnusableError);
        }
      }));

    it('reject if a file ends early or does not exist, and the earlier state stays valid', () =>
      withDigests(async (digests) => {
        const state = await digests.extend(undefined, local(0, 100));
        await assert.rejects(digests.extend(state, local(100, bytes.length + 1)), /ended early/);
        const nowhere = { path: join(folder, 'none'), offset: 0, length: 1 };
        await assert.rejects(digests.extend(state, nowhere), { code: 'ENOENT' });
        assert.equal(await digests.finish(await digests.extend(state, local(100, 200))), sha1(bytes.subarray(0, 200)));
      }));

    it('reject calls after they were closed', async () => {
      const digests = openPool(1);
      const state = await digests.extend(undefined, local(0, 100));
      await digests.close();
      await assert.rejects(digests.extend(state, local(100, 200)), DigestWorkerLostError);
      await assert.rejects(digests.finish(state), DigestWorkerLostError);
    });
  });
}

describe(`resumable hashes (seed ${SEED})`, () => {
  it('of both kinds have the same states, so that nodes with and without the module continue each other', {
    skip: noNative,
  }, async () => {
    const pools = POOLS.map(({ open }) => open(1));
    const random = seededRandom(SEED);
    for (let n = 0; n < 300; n++) {
      const cuts = Array.from({ length: 4 }, () => random.below(n < 100 ? 300 : MIB)).sort((a, b) => a - b);
      const [own, others] = [pools[n % 2], pools[(n + 1) % 2]] as [ResumableHashPool, ResumableHashPool];
      let state: HashState | undefined;
      let same: HashState | undefined;
      for (const [index, to] of cuts.entries()) {
        const from = cuts[index - 1] ?? 0;
        const pool = index % 2 === 0 ? own : others;
        state = await pool.extend(state, local(from, to));
        same = await own.extend(same, local(from, to));
        assert.equal(state, same);
      }
      const expected = sha1(bytes.subarray(0, cuts.at(-1)));
      for (const pool of pools) assert.equal(await pool.finish(state), expected);
    }
    for (const pool of pools) await pool.close();
  });

  it('continue with another worker when one dies, without losing anything', async () => {
    const started: Worker[] = [];
    const start = () => {
      const worker = startResumableWorker();
      started.push(worker);
      return worker;
    };
    const huge = join(folder, 'huge');
    await writeFile(huge, '');
    await truncate(huge, 64 * 1024 * MIB);
    const digests = openResumableHashPool({ workers: 1, start });
    try {
      const state = await digests.extend(undefined, local(0, 100));
      // A minute of work, which ends when the worker does.
      const lost = assert.rejects(
        digests.extend(state, { path: huge, offset: 0, length: 64 * 1024 * MIB }),
        DigestWorkerLostError,
      );
      await started[0]?.terminate();
      await lost;
      assert.equal(await digests.finish(await digests.extend(state, local(100, 200))), sha1(bytes.subarray(0, 200)));
      assert.equal(started.length, 2);
    } finally {
      await digests.close();
    }
    await assert.rejects(digests.extend(undefined, local(0, 1)), DigestWorkerLostError);
  });
});

async function useDigests(
  digests: ResumableHashPool,
  body: (digests: ResumableHashPool) => Promise<void>,
): Promise<void> {
  try {
    await body(digests);
  } finally {
    await digests.close();
  }
}

function sha1(of: Uint8Array): string {
  return createHash('sha1').update(of).digest('hex');
}
