import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContentId } from '../../packages/protocol/src/ids.ts';
import type {
  ContentStore,
  Receipt,
  Slot,
  Staging,
  StoredContent,
} from '../../packages/server/src/storage/blob-store.ts';
import { bodyOf, brokenBody, bytesOfSize, collect, grid, newContentId, slotsOf } from './content-samples.ts';

/** A store with nothing in it, how to open it again as after a crash, and how to get rid of it. */
export interface StoreUnderTest {
  store: ContentStore;
  restart(): Promise<ContentStore>;
  close(): Promise<void>;
}

/**
 * What every driver of `ContentStore` does. A driver's test hands its store over and adds only what is its alone.
 * `partSize` is the size of a slot in bytes; S3 takes none below 5 MiB.
 */
export function contentStoreBehaves(
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
        const { staging, bytes } = await begun(store, threeAndABit, partSize);
        await sealedInOrder(store, staging, bytes, [2, 0, 3, 1]);
        assert.deepEqual(await readAll(store, staging.content), bytes);
      });

      behaves('slots written all at once make the file in the order of the grid', async ({ store }) => {
        const { staging, bytes } = await begun(store, 9 * partSize + 1, partSize);
        const receipts = await Promise.all(
          slotsOf(staging.grid).map((slot) => store.write(staging, slot, bodyOf(bytes, slot, 5_000))),
        );
        await store.seal(staging, receipts);
        assert.deepEqual(await readAll(store, staging.content), bytes);
      });

      behaves('files written side by side do not mix', async ({ store }) => {
        const files = await Promise.all([1, 2, 3, 4].map((n) => begun(store, n * partSize + n, partSize)));
        await Promise.all(files.map(({ staging, bytes }) => sealedInOrder(store, staging, bytes)));
        for (const { staging, bytes } of files) assert.deepEqual(await readAll(store, staging.content), bytes);
      });

      behaves('a file shorter than one part is its only slot', async ({ store }) => {
        const { staging, bytes } = await begun(store, 1, partSize);
        await sealedInOrder(store, staging, bytes);
        assert.deepEqual(await readAll(store, staging.content), bytes);
      });

      behaves('a file of no bytes is sealed without a slot and reads as nothing', async ({ store }) => {
        const { staging } = await begun(store, 0, partSize);
        await store.seal(staging, []);
        assert.equal((await readAll(store, staging.content)).length, 0);
      });

      behaves('chunks of any size make up a slot, also empty ones', async ({ store }) => {
        const { staging, bytes } = await begun(store, partSize, partSize);
        const [slot] = slotsOf(staging.grid) as [Slot];
        async function* uneven(): AsyncGenerator<Uint8Array> {
          yield bytes.subarray(0, 0);
          yield bytes.subarray(0, 1);
          yield bytes.subarray(1, 1);
          yield bytes.subarray(1, partSize - 1);
          yield bytes.subarray(partSize - 1);
        }
        await store.seal(staging, [await store.write(staging, slot, uneven())]);
        assert.deepEqual(await readAll(store, staging.content), bytes);
      });

      behaves('a slot can be written again after its body broke off', async ({ store }) => {
        const { staging, bytes } = await begun(store, threeAndABit, partSize);
        const broken = new Error('the line was cut');
        const slot = slotsOf(staging.grid)[1] as Slot;
        await assert.rejects(
          store.write(staging, slot, brokenBody(bytesOfSize(partSize / 2), broken)),
          (error) => error === broken,
        );
        await sealedInOrder(store, staging, bytes);
        assert.deepEqual(await readAll(store, staging.content), bytes);
      });

      behaves('a body that breaks off leaves the other slots as they were', async ({ store }) => {
        const { staging, bytes } = await begun(store, threeAndABit, partSize);
        const [first, second, ...others] = slotsOf(staging.grid) as [Slot, Slot, ...Slot[]];
        const receipts = new Map<number, Receipt>();
        for (const slot of [first, ...others])
          receipts.set(slot.index, await store.write(staging, slot, bodyOf(bytes, slot)));
        await assert.rejects(
          store.write(staging, second, brokenBody(bytesOfSize(partSize - 1), new Error('cut'))),
          /cut/,
        );
        receipts.set(second.index, await store.write(staging, second, bodyOf(bytes, second)));
        await store.seal(staging, inGridOrder(receipts));
        assert.deepEqual(await readAll(store, staging.content), bytes);
      });

      behaves('of two writes of a slot one after the other, the later one counts', async ({ store }) => {
        const { staging, bytes } = await begun(store, partSize + 1, partSize);
        const slot = slotsOf(staging.grid)[0] as Slot;
        await store.write(staging, slot, bodyOf(bytesOfSize(bytes.length), slot));
        await sealedInOrder(store, staging, bytes);
        assert.deepEqual(await readAll(store, staging.content), bytes);
      });

      behaves('a part for an upload that was removed is refused by name', async ({ store }) => {
        const { staging, bytes } = await begun(store, partSize, partSize);
        await store.remove(staging);
        const slot = slotsOf(staging.grid)[0] as Slot;
        await assert.rejects(store.write(staging, slot, bodyOf(bytes, slot)), { code: 'upload_session_not_found' });
      });
    });

    describe('locating', () => {
      behaves(
        'where a written slot is at hand, its bytes are there, and are no more after a removal',
        async ({ store }) => {
          const { staging, bytes } = await begun(store, threeAndABit, partSize);
          for (const slot of slotsOf(staging.grid)) {
            await store.write(staging, slot, bodyOf(bytes, slot));
            const place = await store.locate(staging, slot);
            if (place === undefined) continue;
            assert.equal(place.length, slot.length);
            await store.release(staging, slot);
          }
          await store.remove(staging);
          for (const slot of slotsOf(staging.grid)) assert.equal(await store.locate(staging, slot), undefined);
        },
      );

      behaves('a slot is released as often as one likes', async ({ store }) => {
        const { staging, bytes } = await begun(store, partSize, partSize);
        const slot = slotsOf(staging.grid)[0] as Slot;
        const receipt = await store.write(staging, slot, bodyOf(bytes, slot));
        await store.release(staging, slot);
        await store.release(staging, slot);
        await store.seal(staging, [receipt]);
        assert.deepEqual(await readAll(store, staging.content), bytes);
      });
    });

    describe('sealing', () => {
      behaves('a content cannot be opened before it is sealed', async ({ store }) => {
        const { staging, bytes } = await begun(store, partSize, partSize);
        const slot = slotsOf(staging.grid)[0] as Slot;
        await store.write(staging, slot, bodyOf(bytes, slot));
        await assert.rejects(store.open(staging.content));
      });

      behaves('sealing twice, one after the other or at once, ends the same way', async ({ store }) => {
        const { staging, bytes } = await begun(store, threeAndABit, partSize);
        const receipts = await written(store, staging, bytes);
        await Promise.all([store.seal(staging, receipts), store.seal(staging, receipts)]);
        await store.seal(staging, receipts);
        assert.deepEqual(await readAll(store, staging.content), bytes);
      });

      behaves('an upload goes on after a restart, and a commit repeated after one ends the same way', async (under) => {
        const { staging, bytes } = await begun(under.store, threeAndABit, partSize);
        const [first, ...others] = slotsOf(staging.grid) as [Slot, ...Slot[]];
        const receipts = [await under.store.write(staging, first, bodyOf(bytes, first))];

        // What a row gives back after a crash.
        const kept: Staging = JSON.parse(JSON.stringify(staging));
        const again = await under.restart();
        for (const slot of others) receipts.push(await again.write(kept, slot, bodyOf(bytes, slot)));
        await again.seal(kept, receipts);

        const last = await under.restart();
        await last.seal(kept, receipts);
        assert.deepEqual(await readAll(last, staging.content), bytes);
      });

      behaves('an upload that was removed cannot be sealed', async ({ store }) => {
        const { staging, bytes } = await begun(store, partSize, partSize);
        const receipts = await written(store, staging, bytes);
        await store.remove(staging);
        await assert.rejects(store.seal(staging, receipts));
        await assert.rejects(store.open(staging.content));
      });
    });

    describe('storing a content at once', () => {
      behaves('a content of a length not known before reads as what came, after a restart too', async (under) => {
        for (const size of [0, 1, threeAndABit]) {
          const bytes = bytesOfSize(size);
          const content = newContentId();
          await under.store.put(content, bodyOf(bytes, { index: 0, offset: 0, length: size }));
          assert.deepEqual(await readAll(under.store, content), bytes);
          assert.deepEqual(await readAll(await under.restart(), content), bytes);
        }
        for (const { kind } of await listed(under.store)) assert.equal(kind, 'sealed');
      });

      behaves('a body that breaks off leaves nothing behind, and the same id can be stored then', async ({ store }) => {
        const content = newContentId();
        const bytes = bytesOfSize(threeAndABit);
        const broken = new Error('the line was cut');
        await assert.rejects(store.put(content, brokenBody(bytes, broken)), (error) => error === broken);
        await assert.rejects(store.open(content));
        assert.deepEqual(await listed(store), []);
        await store.put(content, bodyOf(bytes, { index: 0, offset: 0, length: bytes.length }));
        assert.deepEqual(await readAll(store, content), bytes);
      });
    });

    describe('reading', () => {
      behaves('any range of a content reads as those bytes, over the edges of slots too', async ({ store }) => {
        const { staging, bytes } = await begun(store, threeAndABit, partSize);
        await sealedInOrder(store, staging, bytes);
        const end = bytes.length - 1;
        for (const [first, last] of [
          [0, 0],
          [0, end],
          [end, end],
          [partSize - 1, partSize],
          [partSize + 3, 3 * partSize + 2],
        ] as const) {
          const range = await readAll(store, staging.content, { first, last });
          assert.deepEqual(range, bytes.subarray(first, last + 1), `bytes ${first} to ${last}`);
        }
      });

      behaves('a content is read by many at once, and one who stops early disturbs nobody', async ({ store }) => {
        const { staging, bytes } = await begun(store, threeAndABit, partSize);
        await sealedInOrder(store, staging, bytes);
        const quitter = (async () => {
          for await (const _ of await store.open(staging.content)) break;
        })();
        const readers = await Promise.all([1, 2, 3].map(() => readAll(store, staging.content)));
        await quitter;
        for (const read of readers) assert.deepEqual(read, bytes);
      });

      behaves('a content that is not there is refused when it is opened, not when it is read', async ({ store }) => {
        await assert.rejects(store.open(newContentId()));
      });
    });

    describe('asked for one upload', () => {
      behaves('the store has it until it is removed, sealed or not, and also as another process', async (under) => {
        const open = await begun(under.store, threeAndABit, partSize);
        const sealed = await begun(under.store, threeAndABit, partSize);
        await sealedInOrder(under.store, sealed.staging, sealed.bytes, [0, 1, 2, 3]);
        for (const store of [under.store, await under.restart()]) {
          assert.deepEqual(await Promise.all([store.has(open.staging), store.has(sealed.staging)]), [true, true]);
        }
        for (const { staging } of [open, sealed]) {
          await under.store.remove(staging);
          assert.equal(await under.store.has(staging), false);
        }
      });
    });

    describe('removing', () => {
      behaves('an upload can be removed in any state, and as often as one likes', async ({ store }) => {
        const states: ((staging: Staging, bytes: Uint8Array) => Promise<void>)[] = [
          async () => {},
          async (staging, bytes) => {
            const slot = slotsOf(staging.grid)[0] as Slot;
            await store.write(staging, slot, bodyOf(bytes, slot));
          },
          (staging, bytes) => sealedInOrder(store, staging, bytes),
        ];
        for (const bring of states) {
          const { staging, bytes } = await begun(store, threeAndABit, partSize);
          await bring(staging, bytes);
          await Promise.all([store.remove(staging), store.remove(staging)]);
          await store.remove(staging);
          await assert.rejects(store.open(staging.content));
          assert.deepEqual(await listed(store), []);
        }
      });

      behaves('a sealed content is removed by its id, as often as one likes', async ({ store }) => {
        const { staging, bytes } = await begun(store, threeAndABit, partSize);
        await sealedInOrder(store, staging, bytes);
        await store.remove(staging.content);
        await store.remove(staging.content);
        await assert.rejects(store.open(staging.content));
        assert.deepEqual(await listed(store), []);
      });

      behaves('removing what never was is no error', async ({ store }) => {
        await store.remove(newContentId());
        await store.remove({ content: newContentId(), grid: grid(1, partSize) });
      });

      behaves('removing one content leaves the others', async ({ store }) => {
        const [one, other] = await Promise.all([begun(store, 10, partSize), begun(store, 20, partSize)]);
        await sealedInOrder(store, one.staging, one.bytes);
        await sealedInOrder(store, other.staging, other.bytes);
        await store.remove(one.staging.content);
        assert.deepEqual(await readAll(store, other.staging.content), other.bytes);
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
        await sealedInOrder(under.store, done.staging, done.bytes);
        const expected = [
          { content: open.staging.content, kind: 'staging' },
          { content: done.staging.content, kind: 'sealed' },
        ].sort(byContent);
        for (const store of [under.store, await under.restart()]) {
          const found = await listed(store);
          assert.deepEqual(
            found.map(({ content, kind }) => ({ content, kind })),
            expected,
          );
          for (const { modifiedAt } of found) {
            assert.ok(Number.isInteger(modifiedAt));
            // File systems and object stores keep coarser clocks than ours.
            assert.ok(modifiedAt >= before - 5_000 && modifiedAt <= Date.now() + 5_000);
          }
        }
      });

      behaves('a list can be left half-way and made while files come and go', async ({ store }) => {
        const files = await Promise.all([1, 2, 3, 4, 5, 6].map(() => begun(store, 10, partSize)));
        for await (const _ of store.list()) break;
        await Promise.all([
          listed(store),
          ...files.slice(0, 3).map(({ staging, bytes }) => sealedInOrder(store, staging, bytes)),
          ...files.slice(3).map(({ staging }) => store.remove(staging)),
        ]);
        assert.equal((await listed(store)).length, 3);
      });
    });
  });
}

interface Begun {
  staging: Staging;
  bytes: Uint8Array;
}

async function begun(store: ContentStore, size: number, partSize: number): Promise<Begun> {
  return { staging: await store.begin(newContentId(), grid(size, partSize)), bytes: bytesOfSize(size) };
}

async function written(
  store: ContentStore,
  staging: Staging,
  bytes: Uint8Array,
  order = slotsOf(staging.grid).map(({ index }) => index),
): Promise<Receipt[]> {
  const slots = slotsOf(staging.grid);
  const receipts = new Map<number, Receipt>();
  for (const index of order) {
    receipts.set(index, await store.write(staging, slots[index] as Slot, bodyOf(bytes, slots[index] as Slot)));
  }
  return inGridOrder(receipts);
}

async function sealedInOrder(
  store: ContentStore,
  staging: Staging,
  bytes: Uint8Array,
  order?: number[],
): Promise<void> {
  await store.seal(staging, await written(store, staging, bytes, order));
}

function inGridOrder(receipts: Map<number, Receipt>): Receipt[] {
  return [...receipts].sort(([a], [b]) => a - b).map(([, receipt]) => receipt);
}

async function readAll(
  store: ContentStore,
  content: ContentId,
  range?: { first: number; last: number },
): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await collect(await store.open(content, range))));
}

async function listed(store: ContentStore): Promise<StoredContent[]> {
  return (await collect(store.list())).sort(byContent);
}

function byContent(a: { content: string }, b: { content: string }): number {
  return a.content < b.content ? -1 : 1;
}
