import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import type {
  BlobStore,
  FoundBlob,
  PartRange,
  PartTag,
  StagedBlob,
  StoredBlob,
} from '../../packages/server/src/storage/blob-store.ts';
import {
  brokenBody,
  collect,
  partLayout,
  partRanges,
  randomBlobId,
  randomBytesOfSize,
  streamPart,
} from './blob-samples.ts';

/** An empty store, how to open it again as after a crash, and how to remove it. */
export interface StoreUnderTest {
  store: BlobStore;
  restart(): Promise<BlobStore>;
  close(): Promise<void>;
}

/**
 * The behavior of every driver of `BlobStore`. A driver's test provides its store and adds only what is specific to
 * it. `partSize` is the size of a part in bytes; S3 accepts none below 5 MiB.
 */
export function blobStoreBehaves(
  name: string,
  makeStore: () => Promise<StoreUnderTest>,
  { partSize = 64 * 1024 }: { partSize?: number } = {},
): void {
  const threeAndABit = 3 * partSize + 17;

  function testStore(sentence: string, body: (under: StoreUnderTest) => Promise<void>): void {
    it(sentence, async () => {
      const under = await makeStore();
      try {
        await body(under);
      } finally {
        await under.close();
      }
    });
  }

  describe(name, () => {
    describe('writing', () => {
      testStore('parts written in any order make up the file in the order of the layout', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, threeAndABit, partSize);
        await writeAndComplete(store, staged, bytes, [2, 0, 3, 1]);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      testStore('parts written in parallel make up the file in the order of the layout', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, 9 * partSize + 1, partSize);
        const receipts = await Promise.all(
          partRanges(staged.layout).map((range) => store.writePart(staged, range, streamPart(bytes, range, 5_000))),
        );
        await store.complete(staged, receipts);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      testStore('files written in parallel do not mix', async ({ store }) => {
        const files = await Promise.all([1, 2, 3, 4].map((n) => createStaged(store, n * partSize + n, partSize)));
        await Promise.all(files.map(({ staged, bytes }) => writeAndComplete(store, staged, bytes)));
        for (const { staged, bytes } of files) assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      testStore('a file shorter than one part is its only part', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, 1, partSize);
        await writeAndComplete(store, staged, bytes);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      testStore('an empty file is completed without a part and is empty when read', async ({ store }) => {
        const { staged } = await createStaged(store, 0, partSize);
        await store.complete(staged, []);
        assert.equal((await readAll(store, staged.blob)).length, 0);
      });

      testStore('chunks of any size make up a part, including empty ones', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, partSize, partSize);
        const [range] = partRanges(staged.layout) as [PartRange];
        async function* uneven(): AsyncGenerator<Uint8Array> {
          yield bytes.subarray(0, 0);
          yield bytes.subarray(0, 1);
          yield bytes.subarray(1, 1);
          yield bytes.subarray(1, partSize - 1);
          yield bytes.subarray(partSize - 1);
        }
        await store.complete(staged, [await store.writePart(staged, range, uneven())]);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      testStore('a part can be written again after its body was interrupted', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, threeAndABit, partSize);
        const broken = new Error('the connection was cut');
        const range = partRanges(staged.layout)[1] as PartRange;
        await assert.rejects(
          store.writePart(staged, range, brokenBody(randomBytesOfSize(partSize / 2), broken)),
          (error) => error === broken,
        );
        await writeAndComplete(store, staged, bytes);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      testStore('an interrupted body does not change other parts', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, threeAndABit, partSize);
        const [first, second, ...others] = partRanges(staged.layout) as [PartRange, PartRange, ...PartRange[]];
        const receipts = new Map<number, PartTag>();
        for (const range of [first, ...others])
          receipts.set(range.index, await store.writePart(staged, range, streamPart(bytes, range)));
        await assert.rejects(
          store.writePart(staged, second, brokenBody(randomBytesOfSize(partSize - 1), new Error('cut'))),
          /cut/,
        );
        receipts.set(second.index, await store.writePart(staged, second, streamPart(bytes, second)));
        await store.complete(staged, inLayoutOrder(receipts));
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      testStore('if a part is written twice, the later one counts', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, partSize + 1, partSize);
        const range = partRanges(staged.layout)[0] as PartRange;
        await store.writePart(staged, range, streamPart(randomBytesOfSize(bytes.length), range));
        await writeAndComplete(store, staged, bytes);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      testStore('a part for a deleted upload is rejected with blob-not-found', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, partSize, partSize);
        await store.remove(staged);
        const range = partRanges(staged.layout)[0] as PartRange;
        await assert.rejects(store.writePart(staged, range, streamPart(bytes, range)), {
          code: 'blob-not-found',
        });
      });
    });

    describe('local parts', () => {
      testStore(
        'a written part that is available locally has its bytes, and is not available after a removal',
        async ({ store }) => {
          const { staged, bytes } = await createStaged(store, threeAndABit, partSize);
          for (const range of partRanges(staged.layout)) {
            await store.writePart(staged, range, streamPart(bytes, range));
            const place = await store.localPart(staged, range);
            if (place === undefined) continue;
            assert.equal(place.length, range.length);
            await store.dropLocalPart(staged, range);
          }
          await store.remove(staged);
          for (const range of partRanges(staged.layout)) assert.equal(await store.localPart(staged, range), undefined);
        },
      );

      testStore('a local part can be dropped repeatedly', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, partSize, partSize);
        const range = partRanges(staged.layout)[0] as PartRange;
        const receipt = await store.writePart(staged, range, streamPart(bytes, range));
        await store.dropLocalPart(staged, range);
        await store.dropLocalPart(staged, range);
        await store.complete(staged, [receipt]);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });
    });

    describe('completing', () => {
      testStore('a blob cannot be read before it is complete', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, partSize, partSize);
        const range = partRanges(staged.layout)[0] as PartRange;
        await store.writePart(staged, range, streamPart(bytes, range));
        await assert.rejects(store.read(staged.blob));
      });

      testStore('completing twice, in sequence or in parallel, has the same result', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, threeAndABit, partSize);
        const receipts = await writeParts(store, staged, bytes);
        await Promise.all([store.complete(staged, receipts), store.complete(staged, receipts)]);
        await store.complete(staged, receipts);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      testStore(
        'an upload continues after a restart, and a commit repeated after one has the same result',
        async (under) => {
          const { staged, bytes } = await createStaged(under.store, threeAndABit, partSize);
          const [first, ...others] = partRanges(staged.layout) as [PartRange, ...PartRange[]];
          const receipts = [await under.store.writePart(staged, first, streamPart(bytes, first))];

          // As read from a row after a crash.
          const kept: StagedBlob = JSON.parse(JSON.stringify(staged));
          const again = await under.restart();
          for (const range of others) receipts.push(await again.writePart(kept, range, streamPart(bytes, range)));
          await again.complete(kept, receipts);

          const last = await under.restart();
          await last.complete(kept, receipts);
          assert.deepEqual(await readAll(last, staged.blob), bytes);
        },
      );

      testStore('a deleted upload cannot be completed', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, partSize, partSize);
        const receipts = await writeParts(store, staged, bytes);
        await store.remove(staged);
        await assert.rejects(store.complete(staged, receipts));
        await assert.rejects(store.read(staged.blob));
      });
    });

    describe('storing a blob in one call', () => {
      testStore('a blob of unknown length is read as stored, also after a restart', async (under) => {
        for (const size of [0, 1, threeAndABit]) {
          const bytes = randomBytesOfSize(size);
          const blob = randomBlobId();
          await under.store.put(blob, streamPart(bytes, { index: 0, offset: 0, length: size }));
          assert.deepEqual(await readAll(under.store, blob), bytes);
          assert.deepEqual(await readAll(await under.restart(), blob), bytes);
        }
        for (const { kind } of await listSorted(under.store)) assert.equal(kind, 'complete');
      });

      testStore(
        'an interrupted body leaves nothing behind, and the same ID can be stored afterwards',
        async ({ store }) => {
          const blob = randomBlobId();
          const bytes = randomBytesOfSize(threeAndABit);
          const broken = new Error('the connection was cut');
          await assert.rejects(store.put(blob, brokenBody(bytes, broken)), (error) => error === broken);
          await assert.rejects(store.read(blob));
          assert.deepEqual(await listSorted(store), []);
          await store.put(blob, streamPart(bytes, { index: 0, offset: 0, length: bytes.length }));
          assert.deepEqual(await readAll(store, blob), bytes);
        },
      );
    });

    describe('reading', () => {
      testStore('any range of a blob can be read, also across part boundaries', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, threeAndABit, partSize);
        await writeAndComplete(store, staged, bytes);
        const end = bytes.length - 1;
        for (const [first, last] of [
          [0, 0],
          [0, end],
          [end, end],
          [partSize - 1, partSize],
          [partSize + 3, 3 * partSize + 2],
        ] as const) {
          const range = await readAll(store, staged.blob, { first, last });
          assert.deepEqual(range, bytes.subarray(first, last + 1), `bytes ${first} to ${last}`);
        }
      });

      testStore(
        'a blob can be read in parallel, and a reader that stops early does not affect others',
        async ({ store }) => {
          const { staged, bytes } = await createStaged(store, threeAndABit, partSize);
          await writeAndComplete(store, staged, bytes);
          const stoppingReader = (async () => {
            for await (const _ of await store.read(staged.blob)) break;
          })();
          const readers = await Promise.all([1, 2, 3].map(() => readAll(store, staged.blob)));
          await stoppingReader;
          for (const read of readers) assert.deepEqual(read, bytes);
        },
      );

      testStore('reading a blob that does not exist fails when it is opened', async ({ store }) => {
        await assert.rejects(store.read(randomBlobId()));
      });
    });

    describe('looking up one upload', () => {
      testStore('the store has it until it is removed, complete or not, also for another process', async (under) => {
        const open = await createStaged(under.store, threeAndABit, partSize);
        const sealed = await createStaged(under.store, threeAndABit, partSize);
        await writeAndComplete(under.store, sealed.staged, sealed.bytes, [0, 1, 2, 3]);
        for (const store of [under.store, await under.restart()]) {
          assert.deepEqual(await Promise.all([store.exists(open.staged), store.exists(sealed.staged)]), [true, true]);
        }
        for (const { staged } of [open, sealed]) {
          await under.store.remove(staged);
          assert.equal(await under.store.exists(staged), false);
        }
      });
    });

    describe('looking up a blob by its ID', () => {
      testStore('is complete after it was completed or stored in one call, until it is removed', async (under) => {
        const { staged, bytes } = await createStaged(under.store, threeAndABit, partSize);
        const atOnce = randomBlobId();
        assert.equal(await under.store.isComplete(staged.blob), false);
        assert.equal(await under.store.isComplete(atOnce), false);
        await writeAndComplete(under.store, staged, bytes);
        await under.store.put(atOnce, streamPart(bytes, { index: 0, offset: 0, length: bytes.length }));
        for (const store of [under.store, await under.restart()]) {
          assert.equal(await store.isComplete(staged.blob), true);
          assert.equal(await store.isComplete(atOnce), true);
        }
        await under.store.remove(staged.blob);
        assert.equal(await under.store.isComplete(staged.blob), false);
      });
    });

    describe('removing', () => {
      testStore('an upload can be removed in any state, and repeatedly', async ({ store }) => {
        const states: ((staged: StagedBlob, bytes: Uint8Array) => Promise<void>)[] = [
          async () => {},
          async (staged, bytes) => {
            const range = partRanges(staged.layout)[0] as PartRange;
            await store.writePart(staged, range, streamPart(bytes, range));
          },
          (staged, bytes) => writeAndComplete(store, staged, bytes),
        ];
        for (const bring of states) {
          const { staged, bytes } = await createStaged(store, threeAndABit, partSize);
          await bring(staged, bytes);
          await Promise.all([store.remove(staged), store.remove(staged)]);
          await store.remove(staged);
          await assert.rejects(store.read(staged.blob));
          assert.deepEqual(await listSorted(store), []);
        }
      });

      testStore('a complete blob can be removed by its ID, and repeatedly', async ({ store }) => {
        const { staged, bytes } = await createStaged(store, threeAndABit, partSize);
        await writeAndComplete(store, staged, bytes);
        await store.remove(staged.blob);
        await store.remove(staged.blob);
        await assert.rejects(store.read(staged.blob));
        assert.deepEqual(await listSorted(store), []);
      });

      testStore('removing something that never existed is not an error', async ({ store }) => {
        await store.remove(randomBlobId());
        await store.remove({ blob: randomBlobId(), layout: partLayout(1, partSize) });
      });

      testStore('removing one blob keeps the others', async ({ store }) => {
        const [one, other] = await Promise.all([createStaged(store, 10, partSize), createStaged(store, 20, partSize)]);
        await writeAndComplete(store, one.staged, one.bytes);
        await writeAndComplete(store, other.staged, other.bytes);
        await store.remove(one.staged.blob);
        assert.deepEqual(await readAll(store, other.staged.blob), other.bytes);
      });
    });

    describe('listing', () => {
      testStore('an empty store lists nothing', async ({ store }) => {
        assert.deepEqual(await listSorted(store), []);
      });

      testStore('a list has uploads in progress and complete blobs, also after a restart', async (under) => {
        const before = Date.now();
        const open = await createStaged(under.store, threeAndABit, partSize);
        const done = await createStaged(under.store, partSize, partSize);
        await writeAndComplete(under.store, done.staged, done.bytes);
        const expected = [
          { blob: open.staged.blob, kind: 'staged' },
          { blob: done.staged.blob, kind: 'complete' },
        ].sort(byBlob);
        for (const store of [under.store, await under.restart()]) {
          const findAll = await listSorted(store);
          assert.deepEqual(
            findAll.map(({ blob, kind }) => ({ blob, kind })),
            expected,
          );
          for (const { modifiedAt } of findAll) {
            assert.ok(Number.isInteger(modifiedAt));
            // File systems and object stores have less precise clocks than ours.
            assert.ok(modifiedAt >= before - 5_000 && modifiedAt <= Date.now() + 5_000);
          }
        }
      });

      testStore('a search of all sections finds the same, with the time of their last write', async (under) => {
        const before = Date.now();
        const open = await createStaged(under.store, threeAndABit, partSize);
        const done = await createStaged(under.store, partSize, partSize);
        await writeAndComplete(under.store, done.staged, done.bytes);
        const atOnce = randomBlobId();
        await under.store.put(atOnce, streamPart(done.bytes, { index: 0, offset: 0, length: done.bytes.length }));
        const [first] = await findAll(under.store, 0);
        assert.equal(first?.blob, open.staged.blob);
        const all = await findAll(under.store);
        assert.deepEqual(all.map(({ blob }) => blob).sort(), [open.staged.blob, done.staged.blob, atOnce].sort());
        for (const { lastWrite } of all) {
          const time = await lastWrite();
          assert.ok(Number.isInteger(time));
          assert.ok(Number(time) >= before - 5_000 && Number(time) <= Date.now() + 5_000);
        }
      });

      testStore('a list can be interrupted, and created while files are added and removed', async ({ store }) => {
        const files = await Promise.all([1, 2, 3, 4, 5, 6].map(() => createStaged(store, 10, partSize)));
        for await (const _ of store.list()) break;
        await Promise.all([
          listSorted(store),
          ...files.slice(0, 3).map(({ staged, bytes }) => writeAndComplete(store, staged, bytes)),
          ...files.slice(3).map(({ staged }) => store.remove(staged)),
        ]);
        assert.equal((await listSorted(store)).length, 3);
      });
    });
  });
}

interface CreatedBlob {
  staged: StagedBlob;
  bytes: Uint8Array;
}

async function createStaged(store: BlobStore, size: number, partSize: number): Promise<CreatedBlob> {
  return { staged: await store.create(randomBlobId(), partLayout(size, partSize)), bytes: randomBytesOfSize(size) };
}

async function writeParts(
  store: BlobStore,
  staged: StagedBlob,
  bytes: Uint8Array,
  order = partRanges(staged.layout).map(({ index }) => index),
): Promise<PartTag[]> {
  const ranges = partRanges(staged.layout);
  const receipts = new Map<number, PartTag>();
  for (const index of order) {
    receipts.set(
      index,
      await store.writePart(staged, ranges[index] as PartRange, streamPart(bytes, ranges[index] as PartRange)),
    );
  }
  return inLayoutOrder(receipts);
}

async function writeAndComplete(
  store: BlobStore,
  staged: StagedBlob,
  bytes: Uint8Array,
  order?: number[],
): Promise<void> {
  await store.complete(staged, await writeParts(store, staged, bytes, order));
}

function inLayoutOrder(receipts: Map<number, PartTag>): PartTag[] {
  return [...receipts].sort(([a], [b]) => a - b).map(([, receipt]) => receipt);
}

async function readAll(store: BlobStore, blob: BlobId, range?: { first: number; last: number }): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await collect(await store.read(blob, range))));
}

async function listSorted(store: BlobStore): Promise<StoredBlob[]> {
  return (await collect(store.list())).sort(byBlob);
}

/** What a search finds in one section of the store, or in all of them. */
async function findAll(store: BlobStore, part?: number): Promise<FoundBlob[]> {
  if (part !== undefined) return collect(store.find(part));
  const parts = Array.from({ length: store.sections() }, (_, n) => n);
  return (await Promise.all(parts.map((n) => findAll(store, n)))).flat();
}

function byBlob(a: { blob: string }, b: { blob: string }): number {
  return a.blob < b.blob ? -1 : 1;
}
