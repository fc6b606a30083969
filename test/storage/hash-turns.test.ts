import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import type { Native } from '../../packages/native/src/native.ts';
import type { Sha1 } from '../../packages/protocol/src/ids.ts';
import type { FileHash, HashTurn } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import { partLayout, partRanges, randomBlobId, randomBytesOfSize, streamPart } from '../conformance/blob-samples.ts';
import { noNative, testNative } from '../support/native.ts';
import { temporaryFolder } from './temporary-folder.ts';

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

  async function write(t: TestContext, turn: Turn, digest?: Sha1): Promise<Uint8Array> {
    const store = await openDiskStore(await temporaryFolder(t), { files: new DurableFiles({ native }) });
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
