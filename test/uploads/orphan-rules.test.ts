import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import type { BlobStore, FoundBlob } from '../../packages/server/src/storage/blob-store.ts';
import { newBlobId } from '../../packages/server/src/storage/blob-store.ts';
import { OrphanScan } from '../../packages/server/src/uploads/orphan-scan.ts';
import { openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import { watchQueries } from './watch-queries.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('the search for orphans', () => {
  it('looks at all parts in turn, the first one in each round, and begins again behind the last', async () => {
    await using its = await storeOf([[], [], [], []]);
    const scan = new OrphanScan(its.context, { grace: 0, retention: DAY });
    await scan.run();
    await scan.run();
    assert.deepEqual(its.looked, [0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it('stops when it is told to', async () => {
    await using its = await storeOf([[], [], []]);
    const scan = new OrphanScan(its.context, { grace: 0, retention: DAY });
    await assert.rejects(scan.run({ signal: AbortSignal.abort(new Error('stopping')) }), /stopping/);
    assert.deepEqual(its.looked, [0]);
  });

  it('asks for the rows of a hundred blobs at a time', async () => {
    const ids = Array.from({ length: 250 }, newBlobId);
    await using its = await storeOf([ids.slice(0, 130), ids.slice(130)]);
    let questions = 0;
    const db = watchQueries(its.context.db, {
      before: (query) => {
        if (query === 'select versions') questions += 1;
      },
    });
    await new OrphanScan({ ...its.context, db }, { grace: 0, retention: DAY }).run();
    assert.equal(questions, 3);
  });

  it('leaves what was written to within the grace, what is gone meanwhile, and what this server writes', async () => {
    const [old, young, gone, written] = [newBlobId(), newBlobId(), newBlobId(), newBlobId()];
    await using its = await storeOf([[old, young, gone, written]]);
    const now = its.fixture.clock.now();
    its.lastWrites.set(old, now - HOUR);
    its.lastWrites.set(young, now - HOUR + 1);
    its.lastWrites.set(gone, undefined);
    its.lastWrites.set(written, now - DAY);
    using _tracked = its.context.inFlight.track(written);
    assert.equal(await new OrphanScan(its.context, { grace: HOUR, retention: 0 }).run(), 1);
    assert.deepEqual(its.removed, [old]);
  });

  it('keeps an orphan for the retention time after it was found, to the millisecond, and tells of it once', async () => {
    const [first, second] = [newBlobId(), newBlobId()];
    await using its = await storeOf([[first]]);
    const { clock } = its.fixture;
    const told: unknown[] = [];
    const onFound = (count: number, keptUntil: number) => told.push([count, keptUntil - clock.now()]);
    const scan = new OrphanScan(its.context, { grace: 0, retention: DAY, onFound });
    assert.equal(await scan.run(), 0);
    clock.advance(DAY - 1);
    its.parts[0]?.push(second);
    its.lastWrites.set(second, clock.now());
    assert.equal(await scan.run(), 0);
    assert.deepEqual(told, [
      [1, DAY],
      [1, DAY],
    ]);
    clock.advance(1);
    assert.equal(await scan.run(), 1);
    assert.deepEqual(its.removed, [first]);
    assert.equal(told.length, 2);
    assert.deepEqual(await knownOrphans(its.fixture), [second]);
  });

  it('forgets an orphan that it has not met for ninety days beyond the retention time, and no sooner', async () => {
    await using its = await storeOf([[]]);
    const now = its.fixture.clock.now();
    const [kept, forgotten] = [newBlobId(), newBlobId()];
    await its.context.db
      .insertInto('orphaned_blobs')
      .values([
        { blob_id: kept, found_at: now - DAY - 90 * DAY },
        { blob_id: forgotten, found_at: now - DAY - 90 * DAY - 1 },
      ])
      .execute();
    await new OrphanScan(its.context, { grace: 0, retention: DAY }).run();
    assert.deepEqual(await knownOrphans(its.fixture), [kept]);
  });

  it('without a retention time removes at once, also what was found before, and tells of nothing', async () => {
    const ids = [newBlobId(), newBlobId()];
    await using its = await storeOf([ids]);
    const found_at = its.fixture.clock.now();
    await its.context.db
      .insertInto('orphaned_blobs')
      .values({ blob_id: ids[0] as BlobId, found_at })
      .execute();
    const onFound = () => assert.fail('it told of orphans that it removes');
    assert.equal(await new OrphanScan(its.context, { grace: 0, retention: 0, onFound }).run(), 2);
    assert.deepEqual(its.removed.toSorted(), ids.toSorted());
    assert.deepEqual(await knownOrphans(its.fixture), []);
  });
});

async function knownOrphans({ uploads }: UploadFixture): Promise<BlobId[]> {
  const rows = await uploads.db.selectFrom('orphaned_blobs').select('blob_id').execute();
  return rows.map(({ blob_id: blob }) => blob);
}

/** A store with these blobs in its parts, and a database that knows none of them. */
async function storeOf(parts: BlobId[][]) {
  const fixture = await openUploadFixture();
  const looked: number[] = [];
  const removed: BlobId[] = [];
  const lastWrites = new Map<BlobId, number | undefined>();
  async function* find(part: number): AsyncGenerator<FoundBlob> {
    looked.push(part);
    for (const blob of parts[part] ?? []) {
      const lastWrite = async () => (lastWrites.has(blob) ? lastWrites.get(blob) : fixture.clock.now());
      if (!removed.includes(blob)) yield { blob, lastWrite };
    }
  }
  const blobs: BlobStore = {
    ...fixture.uploads.blobs,
    sections: () => parts.length,
    find,
    remove: async (target) => void removed.push(typeof target === 'string' ? target : target.blob),
  };
  return {
    fixture,
    parts,
    looked,
    removed,
    lastWrites,
    context: { ...fixture.uploads, blobs },
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  };
}
