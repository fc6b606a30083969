import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { type FileHandle, open, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import type { Native, NativeHash } from '../../packages/native/src/native.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { noNative, testNative } from '../support/native.ts';

const MODULE = new URL('../../packages/native/src/native.ts', import.meta.url).href;
/** Another build of the module, as an argument of `openNative`. */
const BUILD = JSON.stringify(process.env.PARTWAY_TEST_NATIVE) ?? 'undefined';
const KIB = 1024;

const sha1 = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

describe('the native module', { skip: noNative }, () => {
  const native = testNative as Native;
  let folder: string;
  let file: FileHandle;
  before(async () => {
    folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-native-')));
    file = await open(join(folder, 'file'), 'w+');
  });
  after(() => file?.close());

  async function hashOf(bytes: Uint8Array): Promise<NativeHash> {
    const hash = native.createHash();
    await native.hash(hash, [bytes]);
    return hash;
  }

  test('computes the SHA-1 of the examples of FIPS 180 and RFC 3174', async () => {
    for (const [text, times, digest] of [
      ['', 1, 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
      ['abc', 1, 'a9993e364706816aba3e25717850c26c9cd0d89d'],
      ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', 1, '84983e441c3bd26ebaae4aa1f95129e5e54670f1'],
      ['a', 1_000_000, '34aa973cd4c4daa4f61eeb2bdbad27316534016f'],
      [
        '0123456701234567012345670123456701234567012345670123456701234567',
        10,
        'dea356a2cddd90c7a7ecedc5ebb563934f460452',
      ],
    ] as const) {
      assert.equal(native.digest(await hashOf(Buffer.from(text.repeat(times)))), digest);
    }
  });

  test('computes the SHA-1 of bytes of every length around the limits of blocks and padding', async () => {
    const bytes = randomBytes(300);
    for (let length = 0; length <= bytes.length; length++) {
      const part = bytes.subarray(0, length);
      assert.equal(native.digest(await hashOf(part)), sha1(part));
    }
  });

  test('continues from a saved state, in 10,000 random cases', async () => {
    const source = randomBytes(8 * KIB);
    const slice = fc.tuple(fc.nat(source.length), fc.nat(200)).map(([at, length]) => source.subarray(at, at + length));
    const slices = fc.array(slice, { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(slices, slices, slices, async (first, second, third) => {
        const hash = native.createHash();
        await native.hash(hash, first);
        assert.equal(native.lengthOf(hash), Buffer.concat(first).length);
        const saved = new Uint8Array(hash) as NativeHash;
        await native.hash(hash, second);
        await native.hash(saved, third);
        assert.equal(native.digest(hash), sha1(...first, ...second));
        assert.equal(native.digest(saved), sha1(...first, ...third));
      }),
      { numRuns: 10_000 },
    );
  });

  test('adds the same bytes to two hashes, whatever they include already', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
        async (first, second, added) => {
          const [one, other] = [await hashOf(first), await hashOf(second)];
          await native.write({ fd: file.fd, position: 0 }, added, one, other);
          assert.equal(native.digest(one), sha1(first, ...added));
          assert.equal(native.digest(other), sha1(second, ...added));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('writes buffers of any sizes one after the other, and hashes them', async () => {
    for (const sizes of [
      [],
      [0],
      [1],
      [0, 5, 0, 0, 7, 0],
      [KIB * KIB],
      [300 * KIB, 1, 200 * KIB, 60 * KIB],
      Array(5_000).fill(10),
    ]) {
      const buffers = sizes.map((size: number) => randomBytes(size));
      const hash = native.createHash();
      await file.truncate(0);
      await native.write({ fd: file.fd, position: 1_000 }, buffers, hash);
      const written = (await readFile(join(folder, 'file'))).subarray(1_000);
      assert.ok(written.equals(Buffer.concat(buffers)), `sizes ${sizes}`);
      assert.equal(native.digest(hash), sha1(...buffers));
    }
  });

  test('reads ranges of a file into a hash', async () => {
    const bytes = randomBytes(5 * KIB * KIB + 3);
    await file.truncate(0);
    await file.write(bytes, 0, bytes.length, 0);
    for (const [position, length] of [
      [0, bytes.length],
      [7, 0],
      [1, 1],
      [100, 256 * KIB],
      [KIB, 3 * KIB * KIB],
    ] as const) {
      const hash = native.createHash();
      await native.read({ fd: file.fd, position, length }, hash);
      assert.equal(native.digest(hash), sha1(bytes.subarray(position, position + length)));
    }
    const short = native.read({ fd: file.fd, position: 10, length: bytes.length }, native.createHash());
    await assert.rejects(short, /ended early/);
  });

  test('runs many jobs at a time, and mixes up none of them', async () => {
    const bytes = randomBytes(64 * KIB);
    await file.truncate(0);
    await file.write(bytes, 0, bytes.length, 0);
    await Promise.all(
      Array.from({ length: 500 }, async (_, n) => {
        const hash = native.createHash();
        const part = randomBytes(n * 10);
        const position = 100_000 + n * 10_000;
        await native.write({ fd: file.fd, position }, [part, part], hash);
        await native.read({ fd: file.fd, position, length: 2 * part.length }, hash);
        await native.hash(hash, [bytes]);
        assert.equal(native.digest(hash), sha1(part, part, part, part, bytes));
      }),
    );
  });

  test('fails like node:fs if the disk is full or the file is not open for writing', async () => {
    const full = await open('/dev/full', 'r+');
    await assert.rejects(native.write({ fd: full.fd, position: 0 }, [randomBytes(10)], native.createHash()), {
      code: 'ENOSPC',
      errno: -28,
      syscall: 'pwritev',
    });
    await full.close();
    const readable = await open(join(folder, 'file'), 'r');
    await assert.rejects(native.write({ fd: readable.fd, position: 0 }, [randomBytes(10)], native.createHash()), {
      code: 'EBADF',
    });
    await readable.close();
    const directory = await open(folder, 'r');
    const reading = native.read({ fd: directory.fd, position: 0, length: 1 }, native.createHash());
    await assert.rejects(reading, { code: 'EISDIR', syscall: 'pread' });
    await directory.close();
  });

  test('rejects arguments of other types, and crashes with none of them', async () => {
    const hash = native.createHash();
    const place = { fd: file.fd, position: 0 };
    const wrong: unknown[] = [undefined, null, 1, 'x', {}, [], [1], new Float64Array(12)];
    for (const value of wrong) {
      await assert.rejects(native.hash(value as NativeHash, []), TypeError);
      if (value != null) await assert.rejects(native.write(place, [], value as NativeHash), TypeError);
      await assert.rejects(native.write(place, [], undefined, (value ?? hash) as NativeHash), TypeError);
      assert.throws(() => native.digest(value as NativeHash), TypeError);
      assert.throws(() => native.digest(new Uint8Array(95) as NativeHash), TypeError);
      await assert.rejects(native.hash(hash, [value] as Uint8Array[]), TypeError);
      if (typeof value === 'number') continue;
      await assert.rejects(native.read({ fd: value as number, position: 0, length: 0 }, hash), TypeError);
      await assert.rejects(native.read({ ...place, length: value as number }, hash), TypeError);
    }
    await assert.rejects(native.write({ fd: file.fd, position: -1 }, [], hash), TypeError);
    await assert.rejects(native.read({ ...place, length: -1 }, hash), TypeError);
    const shifted = new Uint8Array(new ArrayBuffer(100), 1, 96) as NativeHash;
    await assert.rejects(native.hash(shifted, []), TypeError);
  });

  test('keeps the memory of hashes and buffers until a job has ended', async () => {
    const jobs = Array.from({ length: 200 }, async () => {
      const bytes = randomBytes(20 * KIB);
      const digest = sha1(bytes);
      const hash = native.createHash();
      await native.hash(hash, [new Uint8Array(bytes)]);
      assert.equal(native.digest(hash), digest);
    });
    // Garbage that makes the collector run meanwhile.
    for (let n = 0; n < 2_000; n++) randomBytes(10 * KIB);
    await Promise.all(jobs);
  });

  /** Runs a script in another process, with `native` and a file of 64 GiB that takes long to read. */
  async function runScript(script: string): Promise<string> {
    const huge = await open(join(folder, 'huge'), 'w');
    await huge.truncate(64 * KIB ** 3);
    await huge.close();
    const source = `
      import { openNative } from ${JSON.stringify(MODULE)};
      import { openSync } from 'node:fs';
      const native = openNative(2, ${BUILD});
      const fd = openSync(${JSON.stringify(join(folder, 'huge'))}, 'r');
      const readAll = () => native.read({ fd, position: 0, length: 64 * 1024 ** 3 }, native.createHash());
      ${script}`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source]);
    return stdout.trim();
  }

  test('keeps a process running while a job is pending, and not otherwise', async () => {
    assert.equal(await runScript('console.log("idle")'), 'idle');
    const script = `
      const hash = native.createHash();
      native.hash(hash, [Buffer.from('abc')]).then(() => console.log(native.digest(hash)));`;
    assert.equal(await runScript(script), 'a9993e364706816aba3e25717850c26c9cd0d89d');
  });

  test('lets a process exit during a job', async () => {
    assert.equal(
      await runScript(
        'for (let n = 0; n < 5; n++) void readAll(); console.log("bye"); setTimeout(() => process.exit(0), 50)',
      ),
      'bye',
    );
  });

  test('ends with a thread that has loaded it, also during a job', async () => {
    const script = `
      import { Worker } from 'node:worker_threads';
      import { once } from 'node:events';
      const source = \`
        import { parentPort } from 'node:worker_threads';
        import { openSync } from 'node:fs';
        import(${JSON.stringify(MODULE)}).then(({ openNative }) => {
          const native = openNative(2, ${BUILD});
          const fd = openSync(${JSON.stringify(join(folder, 'huge'))}, 'r');
          native.read({ fd, position: 0, length: 64 * 1024 ** 3 }, native.createHash());
          parentPort.postMessage(native.digest(native.createHash()));
        });\`;
      for (let n = 0; n < 3; n++) {
        const worker = new Worker(source, { eval: true });
        const [digest] = await once(worker, 'message');
        await worker.terminate();
        console.log(digest);
      }`;
    assert.deepEqual((await runScript(script)).split('\n'), Array(3).fill('da39a3ee5e6b4b0d3255bfef95601890afd80709'));
  });
});

test('a module that is missing or broken is reported with the reason', async () => {
  const source = `
    import { openNative } from ${JSON.stringify(MODULE)};
    console.log(openNative(1, process.argv[1]).reason);`;
  const broken = join(deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-native-'))), 'broken.node');
  await writeFile(broken, 'not a module');
  for (const [path, reason] of [
    ['/nonexistent/partway.node', /Cannot find module/],
    [broken, /file too short|invalid ELF header/],
  ] as const) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source, path]);
    assert.match(stdout, reason);
  }
});
