import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { Native } from '../../packages/native/src/native.ts';
import type { Sha1 } from '../../packages/protocol/src/ids.ts';
import type { FileHash, HashTurn, PartRange } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { type DurableFile, DurableFiles, type OpenFile } from '../../packages/server/src/storage/disk/durable-files.ts';
import { NativeFile } from '../../packages/server/src/storage/disk/native-file.ts';
import { partLayout, partRanges, randomBlobId, randomBytesOfSize, streamPart } from '../conformance/blob-samples.ts';
import { type Fault, faulty } from '../faults/faulty.ts';
import { noNative, testNative } from '../support/native.ts';
import { systemError } from './open-with-faults.ts';
import { temporaryFolder } from './temporary-folder.ts';

type FileOptions = ConstructorParameters<typeof DurableFiles>[0];

const PART = 300_000;
const sha1 = (...bytes: Uint8Array[]) => createHash('sha1').update(Buffer.concat(bytes)).digest('hex') as Sha1;

describe('a part that a disk store verifies', { skip: noNative }, () => {
  const native = testNative as Native;
  const head = randomBytesOfSize(64 * 100);

  /** The hash of a file that starts with `head`, for a part that follows it. */
  async function hashOfHead(): Promise<FileHash> {
    const hash = native.createHash();
    await native.hash(hash, [head]);
    return hash;
  }

  interface Turn extends HashTurn {
    included: FileHash | undefined;
  }

  function createTurn(begin: () => FileHash | 'later' | undefined, wait: () => Promise<FileHash | undefined>): Turn {
    const turn: Turn = {
      included: undefined,
      begin,
      wait,
      done(hash) {
        turn.included = hash;
      },
    };
    return turn;
  }

  const never = () => Promise.reject(new Error('waited'));

  async function write(t: TestContext, turn: Turn, digest?: Sha1, options: FileOptions = { native }) {
    const store = await openDiskStore(await temporaryFolder(t), { files: new DurableFiles(options) });
    assert.equal(store.verifiesParts(), true);
    const bytes = randomBytesOfSize(PART);
    const staged = await store.create(randomBlobId(), partLayout(PART, PART));
    const [range] = partRanges(staged.layout);
    assert.ok(range !== undefined);
    const verify = { sha1: digest ?? sha1(bytes), turn };
    await store.writePart(staged, range, streamPart(bytes, range), { verify });
    return bytes;
  }

  test('is added to the hash of its file while it arrives, if the file has been hashed up to it', async (t) => {
    const hash = await hashOfHead();
    const turn = createTurn(() => hash, never);
    const bytes = await write(t, turn);
    assert.equal(native.digest(turn.included as FileHash), sha1(head, bytes));
  });

  test('is added to the hash of its file when it is complete, if the hash soon reaches it', async (t) => {
    const turn = createTurn(() => 'later', hashOfHead);
    const bytes = await write(t, turn);
    assert.equal(native.digest(turn.included as FileHash), sha1(head, bytes));
  });

  test('is hashed alone if its turn does not come, now or later', async (t) => {
    for (const begin of ['later', undefined] as const) {
      const turn = createTurn(
        () => begin,
        async () => undefined,
      );
      await write(t, turn);
      assert.equal(turn.included, undefined);
    }
  });

  test('with a wrong digest is rejected, and the hash of its file is not used', async (t) => {
    const wrong = sha1(head);
    const hash = await hashOfHead();
    for (const begin of [hash, 'later', undefined] as const) {
      const turn = createTurn(() => begin, hashOfHead);
      await assert.rejects(write(t, turn, wrong), { code: 'digest-mismatch' });
      assert.equal(turn.included, undefined);
    }
  });

  test('is rejected with the error of its sync, also if that fails before its turn', async (t) => {
    const failed = Promise.withResolvers<void>();
    const turn = createTurn(
      () => 'later',
      async () => {
        await failed.promise;
        // Nobody waits for the sync yet. Its error must not end the process.
        await new Promise(setImmediate);
        return undefined;
      },
    );
    const hook = () => failed.resolve();
    const plan: Fault<DurableFile>[] = [{ method: 'datasync', when: 'before', hook, fail: systemError('EIO') }];
    const openFile: OpenFile = async (path, flags, mode) => {
      const file = await open(path, flags, mode);
      return flags === 'r+' ? Object.assign(faulty<DurableFile>(file, plan), { fd: file.fd }) : file;
    };
    await assert.rejects(write(t, turn, undefined, { native, openFile }), { code: 'EIO' });
    assert.equal(turn.included === undefined, true);
  });

  test('is written in pieces of 512 KiB, because each costs a switch between threads', async (t) => {
    const sizes: number[] = [];
    const hook = (_place: unknown, chunks: unknown) => sizes.push(sizeOf(chunks as Uint8Array[]));
    const watched = faulty(native, [{ method: 'write', when: 'before', hook }]);
    const store = await openDiskStore(await temporaryFolder(t), { files: new DurableFiles({ native: watched }) });
    const bytes = randomBytesOfSize(1024 * 1024 + 5);
    const staged = await store.create(randomBlobId(), partLayout(bytes.length, bytes.length));
    const range = partRanges(staged.layout)[0] as PartRange;
    await store.writePart(staged, range, streamPart(bytes, range, 64 * 1024), { verify: { sha1: sha1(bytes) } });
    assert.equal(sizes[0], 512 * 1024);
  });

  test('is counted as written with all of its bytes', async (t) => {
    const file = await open(join(await temporaryFolder(t), 'file'), 'w');
    t.after(() => file.close());
    const written = await new NativeFile(native, file.fd).writev([new Uint8Array(3), new Uint8Array(4)], 0);
    assert.deepEqual(written, { bytesWritten: 7 });
  });

  test('is not stored if its turn fails', async (t) => {
    await assert.rejects(
      write(
        t,
        createTurn(() => 'later', never),
      ),
      /waited/,
    );
  });
});

test('a disk store without the native module verifies no parts, and rejects one that it has to verify', async (t) => {
  const store = await openDiskStore(await temporaryFolder(t));
  assert.equal(store.verifiesParts(), false);
  const staged = await store.create(randomBlobId(), partLayout(PART, PART));
  const [range] = partRanges(staged.layout) as [PartRange];
  const bytes = randomBytesOfSize(PART);
  const writing = store.writePart(staged, range, streamPart(bytes, range), { verify: { sha1: sha1(bytes) } });
  await assert.rejects(writing, /without the native module/);
});

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}
