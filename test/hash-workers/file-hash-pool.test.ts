import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import type { Native } from '../../packages/native/src/native.ts';
import { startCryptoWorker } from '../../packages/server/src/hash-workers/crypto-lane.ts';
import { openCryptoHashPool } from '../../packages/server/src/hash-workers/crypto-pool.ts';
import {
  DigestOutOfStepError,
  DigestWorkerLostError,
  type FileHashPool,
} from '../../packages/server/src/hash-workers/file-hash-pool.ts';
import { openNativeHashPool } from '../../packages/server/src/hash-workers/native-pool.ts';
import type { FileHash } from '../../packages/server/src/storage/blob-store.ts';
import { noNative, testNative } from '../support/native.ts';

const MIB = 1024 * 1024;
const EMPTY = { sha1: 'da39a3ee5e6b4b0d3255bfef95601890afd80709', length: 0 };

interface PoolKind {
  name: string;
  /** Why its tests are skipped. */
  skip: string | false;
  open(workers: number): FileHashPool;
}

const POOLS: readonly PoolKind[] = [
  { name: 'node:crypto', skip: false, open: (workers) => openCryptoHashPool({ workers }) },
  { name: 'the native module', skip: noNative, open: () => openNativeHashPool(testNative as Native) },
];

for (const { name, skip, open } of POOLS) {
  describe(`a pool of hashes of ${name}`, { skip }, () => {
    const bytes = randomBytes(3 * MIB + 7);
    const folder = mkdtempSync(join(tmpdir(), 'partway-digest-'));
    const path = join(folder, 'file');
    before(() => writeFile(path, bytes));
    after(() => rm(folder, { recursive: true }));

    it('hashes a file part by part, and returns the digest at every step', () =>
      withPool(async (pool) => {
        for (const [from, to] of [
          [0, 1],
          [1, MIB],
          [MIB, MIB],
          [MIB, 3 * MIB + 1],
          [3 * MIB + 1, bytes.length],
        ] as const) {
          await pool.extend('a', from, { path, offset: from, length: to - from });
          const expected = { sha1: sha1(bytes.subarray(0, to)), length: to };
          assert.deepEqual(await pool.current('a'), expected);
          assert.deepEqual(await pool.current('a'), expected);
        }
      }));

    it('returns the empty digest for a file that was not started', () =>
      withPool(async (pool) => assert.deepEqual(await pool.current('never seen'), EMPTY)));

    it('reads bytes at another position in a local file than in the whole file', () =>
      withPool(async (pool) => {
        await pool.extend('a', 0, { path, offset: 1_000, length: 10 });
        await pool.extend('a', 10, { path, offset: 5, length: 10 });
        const expected = Buffer.concat([bytes.subarray(1_000, 1_010), bytes.subarray(5, 15)]);
        assert.deepEqual(await pool.current('a'), { sha1: sha1(expected), length: 20 });
      }));

    it('keeps files separate, on any worker', () =>
      withPool(async (pool) => {
        const keys = Array.from({ length: 20 }, (_, n) => ({ key: `key ${n}`, length: 1_000 * n }));
        await Promise.all(keys.map(({ key, length }) => pool.extend(key, 0, { path, offset: 0, length })));
        for (const { key, length } of keys) {
          assert.deepEqual(await pool.current(key), { sha1: sha1(bytes.subarray(0, length)), length });
        }
      }, 3));

    it('executes the calls for one file in order', () =>
      withPool(async (pool) => {
        const steps = Array.from({ length: 50 }, (_, n) =>
          pool.extend('a', n * 100, { path, offset: n * 100, length: 100 }),
        );
        const digest = pool.current('a');
        await Promise.all(steps);
        assert.deepEqual(await digest, { sha1: sha1(bytes.subarray(0, 5_000)), length: 5_000 });
      }, 2));

    it('rejects a step from another byte with an error code, and starts again at 0', () =>
      withPool(async (pool) => {
        await pool.extend('a', 0, { path, offset: 0, length: 100 });
        await assert.rejects(pool.extend('a', 200, { path, offset: 200, length: 100 }), DigestOutOfStepError);
        assert.deepEqual(await pool.current('a'), EMPTY);
        await pool.extend('a', 0, { path, offset: 0, length: 300 });
        assert.deepEqual(await pool.current('a'), { sha1: sha1(bytes.subarray(0, 300)), length: 300 });
      }));

    it('rejects if the file ends early or does not exist, and starts again at 0', () =>
      withPool(async (pool) => {
        await pool.extend('a', 0, { path, offset: 0, length: 100 });
        await assert.rejects(pool.extend('a', 100, { path, offset: 100, length: bytes.length }), /ended early/);
        assert.deepEqual(await pool.current('a'), EMPTY);
        await assert.rejects(pool.extend('a', 0, { path: join(folder, 'none'), offset: 0, length: 1 }), {
          code: 'ENOENT',
        });
        assert.deepEqual(await pool.current('a'), EMPTY);
      }));

    it('forgets a file when it is told to', () =>
      withPool(async (pool) => {
        await pool.extend('a', 0, { path, offset: 0, length: 100 });
        pool.forget('a');
        pool.forget('never seen');
        assert.deepEqual(await pool.current('a'), EMPTY);
      }));

    it('rejects waiting and later calls after it is closed', async () => {
      const pool = open(2);
      const waiting = assert.rejects(pool.current('a'), DigestWorkerLostError);
      await pool.close();
      await waiting;
      await assert.rejects(pool.extend('a', 0, { path, offset: 0, length: 1 }), DigestWorkerLostError);
    });

    it('hands out copies at the right byte, if it can, and takes them back', () =>
      withPool(async (pool) => {
        assert.equal(pool.fork('a', 1), undefined);
        const fork = pool.fork('a', 0);
        if (name === 'node:crypto') {
          assert.equal(fork, undefined);
          assert.equal(pool.join('a', 0, 0, new Uint8Array(96) as FileHash), false);
          return;
        }
        assert.ok(fork !== undefined);
        await testNative?.hash(fork, [bytes.subarray(0, 100)]);
        assert.equal(pool.join('a', 0, 99, fork), false);
        assert.equal(pool.join('a', 1, 100, fork), false);
        assert.equal(pool.join('a', 0, 100, fork), true);
        assert.equal(pool.join('a', 0, 100, fork), false);
        assert.deepEqual(await pool.current('a'), { sha1: sha1(bytes.subarray(0, 100)), length: 100 });
        await pool.extend('a', 100, { path, offset: 100, length: 100 });
        assert.deepEqual(await pool.current('a'), { sha1: sha1(bytes.subarray(0, 200)), length: 200 });
        assert.equal(pool.fork('a', 100), undefined);
        const extending = pool.extend('a', 200, { path, offset: 200, length: 100 });
        assert.equal(pool.fork('a', 200), undefined);
        await extending;
        const later = pool.fork('a', 300);
        assert.ok(later !== undefined);
        await testNative?.hash(later, [bytes.subarray(0, 1)]);
        assert.deepEqual(await pool.current('a'), { sha1: sha1(bytes.subarray(0, 300)), length: 300 });
      }));

    async function withPool(body: (pool: FileHashPool) => Promise<void>, workers = 1): Promise<void> {
      const pool = open(workers);
      try {
        await body(pool);
      } finally {
        await pool.close();
      }
    }
  });
}

describe('a pool of hashes of node:crypto', () => {
  const bytes = randomBytes(1_000);
  const folder = mkdtempSync(join(tmpdir(), 'partway-digest-'));
  const path = join(folder, 'file');
  before(() => writeFile(path, bytes));
  after(() => rm(folder, { recursive: true }));

  it('rejects waiting calls when a worker dies, forgets its states, and continues with another worker', async () => {
    const started: Worker[] = [];
    const startWorker = () => {
      const worker = startCryptoWorker();
      started.push(worker);
      return worker;
    };
    const huge = join(folder, 'huge');
    await writeFile(huge, '');
    await truncate(huge, 64 * 1024 * MIB);
    const pool = openCryptoHashPool({ workers: 1, startWorker });
    try {
      await pool.extend('a', 0, { path, offset: 0, length: 100 });
      // Half a minute of work, which ends when the worker does.
      const lost = [
        pool.extend('b', 0, { path: huge, offset: 0, length: 64 * 1024 * MIB }),
        pool.extend('a', 100, { path, offset: 100, length: 100 }),
      ].map((call) => assert.rejects(call, DigestWorkerLostError));
      await started[0]?.terminate();
      await Promise.all(lost);
      assert.deepEqual(await pool.current('a'), EMPTY);
      await assert.rejects(pool.extend('a', 100, { path, offset: 100, length: 100 }), DigestOutOfStepError);
      await pool.extend('a', 0, { path, offset: 0, length: 200 });
      assert.deepEqual(await pool.current('a'), { sha1: sha1(bytes.subarray(0, 200)), length: 200 });
      assert.equal(started.length, 2);
    } finally {
      await pool.close();
    }
  });

  it('does not keep an otherwise idle process alive, but answers its calls first', async () => {
    const pool = new URL('../../packages/server/src/hash-workers/crypto-pool.ts', import.meta.url).href;
    const script = `
      import { openCryptoHashPool } from ${JSON.stringify(pool)};
      const pool = openCryptoHashPool({ workers: 2 });
      await pool.extend('a', 0, { path: ${JSON.stringify(path)}, offset: 0, length: 100 });
      console.log((await pool.current('a')).sha1);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    assert.equal(stdout.trim(), sha1(bytes.subarray(0, 100)));
  });
});

function sha1(of: Uint8Array): string {
  return createHash('sha1').update(of).digest('hex');
}
