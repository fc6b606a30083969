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
import { bodyOf, brokenBody, bytesOfSize, collect, grid, newContentId, slotsOf } from './content-samples.ts';

/** A store with nothing in it, how to open it again as after a crash, and how to get rid of it. */
export interface StoreUnderTest {
  store: BlobStore;
  restart(): Promise<BlobStore>;
  close(): Promise<void>;
}

/**
 * What every driver of `BlobStore` does. A driver's test hands its store over and adds only what is its alone.
 * `partSize` is the size of a slot in bytes; S3 takes none below 5 MiB.
 */
export function blobStoreBehaves(
  name: string,
  makeStore: () => Promise<StoreUnderTest>,
  { partSize = 64 * 1024 }: { partSize?: number } = {},
): void {
  const threeAndABit = 3 * partSize + 17;

  function behaves(sentence: string, body: (under: StoreUnderTest) => Promise<void>): void {
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
      behaves('slots written in any order make the file in the order of the grid', async ({ store }) => {
        const { staged, bytes } = await begun(store, threeAndABit, partSize);
        await sealedInOrder(store, staged, bytes, [2, 0, 3, 1]);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      behaves('slots written all at once make the file in the order of the grid', async ({ store }) => {
        const { staged, bytes } = await begun(store, 9 * partSize + 1, partSize);
        const receipts = await Promise.all(
          slotsOf(staged.layout).map((range) => store.writePart(staged, range, bodyOf(bytes, range, 5_000))),
        );
        await store.complete(staged, receipts);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      behaves('files written side by side do not mix', async ({ store }) => {
        const files = await Promise.all([1, 2, 3, 4].map((n) => begun(store, n * partSize + n, partSize)));
        await Promise.all(files.map(({ staged, bytes }) => sealedInOrder(store, staged, bytes)));
        for (const { staged, bytes } of files) assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      behaves('a file shorter than one part is its only slot', async ({ store }) => {
        const { staged, bytes } = await begun(store, 1, partSize);
        await sealedInOrder(store, staged, bytes);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      behaves('a file of no bytes is sealed without a slot and reads as nothing', async ({ store }) => {
        const { staged } = await begun(store, 0, partSize);
        await store.complete(staged, []);
        assert.equal((await readAll(store, staged.blob)).length, 0);
      });

      behaves('chunks of any size make up a slot, also empty ones', async ({ store }) => {
        const { staged, bytes } = await begun(store, partSize, partSize);
        const [range] = slotsOf(staged.layout) as [PartRange];
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

      behaves('a slot can be written again after its body broke off', async ({ store }) => {
        const { staged, bytes } = await begun(store, threeAndABit, partSize);
        const broken = new Error('the line was cut');
        const range = slotsOf(staged.layout)[1] as PartRange;
        await assert.rejects(
          store.writePart(staged, range, brokenBody(bytesOfSize(partSize / 2), broken)),
          (error) => error === broken,
        );
        await sealedInOrder(store, staged, bytes);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      behaves('a body that breaks off leaves the other slots as they were', async ({ store }) => {
        const { staged, bytes } = await begun(store, threeAndABit, partSize);
        const [first, second, ...others] = slotsOf(staged.layout) as [PartRange, PartRange, ...PartRange[]];
        const receipts = new Map<number, PartTag>();
        for (const range of [first, ...others])
          receipts.set(range.index, await store.writePart(staged, range, bodyOf(bytes, range)));
        await assert.rejects(
          store.writePart(staged, second, brokenBody(bytesOfSize(partSize - 1), new Error('cut'))),
          /cut/,
        );
        receipts.set(second.index, await store.writePart(staged, second, bodyOf(bytes, second)));
        await store.complete(staged, inGridOrder(receipts));
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      behaves('of two writes of a slot one after the other, the later one counts', async ({ store }) => {
        const { staged, bytes } = await begun(store, partSize + 1, partSize);
        const range = slotsOf(staged.layout)[0] as PartRange;
        await store.writePart(staged, range, bodyOf(bytesOfSize(bytes.length), range));
        await sealedInOrder(store, staged, bytes);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      behaves('a part for an upload that was removed is refused by name', async ({ store }) => {
        const { staged, bytes } = await begun(store, partSize, partSize);
        await store.remove(staged);
        const range = slotsOf(staged.layout)[0] as PartRange;
        await assert.rejects(store.writePart(staged, range, bodyOf(bytes, range)), {
          code: 'blob-not-found',
        });
      });
    });

    describe('locating', () => {
      behaves(
        'where a written slot is at hand, its bytes are there, and are no more after a removal',
        async ({ store }) => {
          const { staged, bytes } = await begun(store, threeAndABit, partSize);
          for (const range of slotsOf(staged.layout)) {
            await store.writePart(staged, range, bodyOf(bytes, range));
            const place = await store.localPart(staged, range);
            if (place === undefined) continue;
            assert.equal(place.length, range.length);
            await store.dropLocalPart(staged, range);
          }
          await store.remove(staged);
          for (const range of slotsOf(staged.layout)) assert.equal(await store.localPart(staged, range), undefined);
        },
      );

      behaves('a slot is released as often as one likes', async ({ store }) => {
        const { staged, bytes } = await begun(store, partSize, partSize);
        const range = slotsOf(staged.layout)[0] as PartRange;
        const receipt = await store.writePart(staged, range, bodyOf(bytes, range));
        await store.dropLocalPart(staged, range);
        await store.dropLocalPart(staged, range);
        await store.complete(staged, [receipt]);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });
    });

    describe('sealing', () => {
      behaves('a content cannot be opened before it is sealed', async ({ store }) => {
        const { staged, bytes } = await begun(store, partSize, partSize);
        const range = slotsOf(staged.layout)[0] as PartRange;
        await store.writePart(staged, range, bodyOf(bytes, range));
        await assert.rejects(store.read(staged.blob));
      });

      behaves('sealing twice, one after the other or at once, ends the same way', async ({ store }) => {
        const { staged, bytes } = await begun(store, threeAndABit, partSize);
        const receipts = await written(store, staged, bytes);
        await Promise.all([store.complete(staged, receipts), store.complete(staged, receipts)]);
        await store.complete(staged, receipts);
        assert.deepEqual(await readAll(store, staged.blob), bytes);
      });

      behaves('an upload goes on after a restart, and a commit repeated after one ends the same way', async (under) => {
        const { staged, bytes } = await begun(under.store, threeAndABit, partSize);
        const [first, ...others] = slotsOf(staged.layout) as [PartRange, ...PartRange[]];
        const receipts = [await under.store.writePart(staged, first, bodyOf(bytes, first))];

        // What a row gives back after a crash.
        const kept: StagedBlob = JSON.parse(JSON.stringify(staged));
        const again = await under.restart();
        for (const range of others) receipts.push(await again.writePart(kept, range, bodyOf(bytes, range)));
        await again.complete(kept, receipts);

        const last = await under.restart();
        await last.complete(kept, receipts);
        assert.deepEqual(await readAll(last, staged.blob), bytes);
      });

      behaves('an upload that was removed cannot be sealed', async ({ store }) => {
        const { staged, bytes } = await begun(store, partSize, partSize);
        const receipts = await written(store, staged, bytes);
        await store.remove(staged);
        await assert.rejects(store.complete(staged, receipts));
        await assert.rejects(store.read(staged.blob));
      });
    });

    describe('storing a content at once', () => {
      behaves('a content of a length not known before reads as what came, after a restart too', async (under) => {
        for (const size of [0, 1, threeAndABit]) {
          const bytes = bytesOfSize(size);
          const blob = newContentId();
          await under.store.put(blob, bodyOf(bytes, { index: 0, offset: 0, length: size }));
          assert.deepEqual(await readAll(under.store, blob), bytes);
          assert.deepEqual(await readAll(await under.restart(), blob), bytes);
        }
        for (const { kind } of await listed(under.store)) assert.equal(kind, 'complete');
      });

      behaves('a body that breaks off leaves nothing behind, and the same id can be stored then', async ({ store }) => {
        const blob = newContentId();
        const bytes = bytesOfSize(threeAndABit);
        const broken = new Error('the line was cut');
        await assert.rejects(store.put(blob, brokenBody(bytes, broken)), (error) => error === broken);
        await assert.rejects(store.read(blob));
        assert.deepEqual(await listed(store), []);
        await store.put(blob, bodyOf(bytes, { index: 0, offset: 0, length: bytes.length }));
        assert.deepEqual(await readAll(store, blob), bytes);
      });
    });

    describe('reading', () => {
      behaves('any range of a content reads as those bytes, over the edges of slots too', async ({ store }) => {
        const { staged, bytes } = await begun(store, threeAndABit, partSize);
        await sealedInOrder(store, staged, bytes);
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

      behaves('a content is read by many at once, and one who stops early disturbs nobody', async ({ store }) => {
        const { staged, bytes } = await begun(store, threeAndABit, partSize);
        await sealedInOrder(store, staged, bytes);
        const quitter = (async () => {
          for await (const _ of await store.read(staged.blob)) break;
        })();
        const readers = await Promise.all([1, 2, 3].map(() => readAll(store, staged.blob)));
        await quitter;
        for (const read of readers) assert.deepEqual(read, bytes);
      });

      behaves('a content that is not there is refused when it is opened, not when it is read', async ({ store }) => {
        await assert.rejects(store.read(newContentId()));
      });
    });

    describe('asked for one upload', () => {
      behaves('the store has it until it is removed, sealed or not, and also as another process', async (under) => {
        const open = await begun(under.store, threeAndABit, partSize);
        const sealed = await begun(under.store, threeAndABit, partSize);
        await sealedInOrder(under.store, sealed.staged, sealed.bytes, [0, 1, 2, 3]);
        for (const store of [under.store, await under.restart()]) {
          assert.deepEqual(await Promise.all([store.exists(open.staged), store.exists(sealed.staged)]), [true, true]);
        }
        for (const { staged } of [open, sealed]) {
          await under.store.remove(staged);
          assert.equal(await under.store.exists(staged), false);
        }
      });
    });

    describe('a blob that is asked for by its ID', () => {
      behaves('is complete once it is sealed or stored at once, until it is removed', async (under) => {
        const { staged, bytes } = await begun(under.store, threeAndABit, partSize);
        const atOnce = newContentId();
        assert.equal(await under.store.isComplete(staged.blob), false);
        assert.equal(await under.store.isComplete(atOnce), false);
        await sealedInOrder(under.store, staged, bytes);
        await under.store.put(atOnce, bodyOf(bytes, { index: 0, offset: 0, length: bytes.length }));
        for (const store of [under.store, await under.restart()]) {
          assert.equal(await store.isComplete(staged.blob), true);
          assert.equal(await store.isComplete(atOnce), true);
        }
        await under.store.remove(staged.blob);
        assert.equal(await under.store.isComplete(staged.blob), false);
      });
    });

    describe('removing', () => {
      behaves('an upload can be removed in any state, and as often as one likes', async ({ store }) => {
        const states: ((staged: StagedBlob, bytes: Uint8Array) => Promise<void>)[] = [
          async () => {},
          async (staged, bytes) => {
            const range = slotsOf(staged.layout)[0] as PartRange;
            await store.writePart(staged, range, bodyOf(bytes, range));
          },
          (staged, bytes) => sealedInOrder(store, staged, bytes),
        ];
        for (const bring of states) {
          const { staged, bytes } = await begun(store, threeAndABit, partSize);
          await bring(staged, bytes);
          await Promise.all([store.remove(staged), store.remove(staged)]);
          await store.remove(staged);
          await assert.rejects(store.read(staged.blob));
          assert.deepEqual(await listed(store), []);
        }
      });

      behaves('a sealed content is removed by its id, as often as one likes', async ({ store }) => {
        const { staged, bytes } = await begun(store, threeAndABit, partSize);
        await sealedInOrder(store, staged, bytes);
        await store.remove(staged.blob);
        await store.remove(staged.blob);
        await assert.rejects(store.read(staged.blob));
        assert.deepEqual(await listed(store), []);
      });

      behaves('removing what never was is no error', async ({ store }) => {
        await store.remove(newContentId());
        await store.remove({ blob: newContentId(), layout: grid(1, partSize) });
      });

      behaves('removing one content leaves the others', async ({ store }) => {
        const [one, other] = await Promise.all([begun(store, 10, partSize), begun(store, 20, partSize)]);
        await sealedInOrder(store, one.staged, one.bytes);
        await sealedInOrder(store, other.staged, other.bytes);
        await store.remove(one.staged.blob);
        assert.deepEqual(await readAll(store, other.staged.blob), other.bytes);
      });
    });

    describe('listing', () => {
      behaves('an empty store lists nothing', async ({ store }) => {
        assert.deepEqual(await listed(store), []);
      });

      behaves('the list shows what is being written and what is sealed, after a restart too', async (under) => {
        const before = Date.now();
        const open = await begun(under.store, threeAndABit, partSize);
        const done = await begun(under.store, partSize, partSize);
        await sealedInOrder(under.store, done.staged, done.bytes);
        const expected = [
          { blob: open.staged.blob, kind: 'staged' },
          { blob: done.staged.blob, kind: 'complete' },
        ].sort(byBlob);
        for (const store of [under.store, await under.restart()]) {
          const found = await listed(store);
          assert.deepEqual(
            found.map(({ blob, kind }) => ({ blob, kind })),
            expected,
          );
          for (const { modifiedAt } of found) {
            assert.ok(Number.isInteger(modifiedAt));
            // File systems and object stores keep coarser clocks than ours.
            assert.ok(modifiedAt >= before - 5_000 && modifiedAt <= Date.now() + 5_000);
          }
        }
      });

      behaves('a search of all parts finds the same, and says when each was last written to', async (under) => {
        const before = Date.now();
        const open = await begun(under.store, threeAndABit, partSize);
        const done = await begun(under.store, partSize, partSize);
        await sealedInOrder(under.store, done.staged, done.bytes);
        const atOnce = newContentId();
        await under.store.put(atOnce, bodyOf(done.bytes, { index: 0, offset: 0, length: done.bytes.length }));
        const [first] = await found(under.store, 0);
        assert.equal(first?.blob, open.staged.blob);
        const all = await found(under.store);
        assert.deepEqual(all.map(({ blob }) => blob).sort(), [open.staged.blob, done.staged.blob, atOnce].sort());
        for (const { lastWrite } of all) {
          const time = await lastWrite();
          assert.ok(Number.isInteger(time));
          assert.ok(Number(time) >= before - 5_000 && Number(time) <= Date.now() + 5_000);
        }
      });

      behaves('a list can be left half-way and made while files come and go', async ({ store }) => {
        const files = await Promise.all([1, 2, 3, 4, 5, 6].map(() => begun(store, 10, partSize)));
        for await (const _ of store.list()) break;
        await Promise.all([
          listed(store),
          ...files.slice(0, 3).map(({ staged, bytes }) => sealedInOrder(store, staged, bytes)),
          ...files.slice(3).map(({ staged }) => store.remove(staged)),
        ]);
        assert.equal((await listed(store)).length, 3);
      });
    });
  });
}

interface Begun {
  staged: StagedBlob;
  bytes: Uint8Array;
}

async function begun(store: BlobStore, size: number, partSize: number): Promise<Begun> {
  return { staged: await store.create(newContentId(), grid(size, partSize)), bytes: bytesOfSize(size) };
}

async function written(
  store: BlobStore,
  staged: StagedBlob,
  bytes: Uint8Array,
  order = slotsOf(staged.layout).map(({ index }) => index),
): Promise<PartTag[]> {
  const ranges = slotsOf(staged.layout);
  const receipts = new Map<number, PartTag>();
  for (const index of order) {
    receipts.set(
      index,
      await store.writePart(staged, ranges[index] as PartRange, bodyOf(bytes, ranges[index] as PartRange)),
    );
  }
  return inGridOrder(receipts);
}

async function sealedInOrder(store: BlobStore, staged: StagedBlob, bytes: Uint8Array, order?: number[]): Promise<void> {
  await store.complete(staged, await written(store, staged, bytes, order));
}

function inGridOrder(receipts: Map<number, PartTag>): PartTag[] {
  return [...receipts].sort(([a], [b]) => a - b).map(([, receipt]) => receipt);
}

async function readAll(store: BlobStore, blob: BlobId, range?: { first: number; last: number }): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await collect(await store.read(blob, range))));
}

async function listed(store: BlobStore): Promise<StoredBlob[]> {
  return (await collect(store.list())).sort(byBlob);
}

/** What a search meets in one part of the store, or in all of them. */
async function found(store: BlobStore, part?: number): Promise<FoundBlob[]> {
  if (part !== undefined) return collect(store.find(part));
  const parts = Array.from({ length: store.sections() }, (_, n) => n);
  return (await Promise.all(parts.map((n) => found(store, n)))).flat();
}

function byBlob(a: { blob: string }, b: { blob: string }): number {
  return a.blob < b.blob ? -1 : 1;
}
