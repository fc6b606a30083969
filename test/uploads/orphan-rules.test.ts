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

describe('the orphan scan', () => {
  it('scans all sections in turn, the first one in each run, and starts again after the last', async () => {
    await using fixture = await openScanFixture([[], [], [], []]);
    const scan = new OrphanScan(fixture.context, { grace: 0, retention: DAY });
    await scan.run();
    await scan.run();
    assert.deepEqual(fixture.looked, [0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it('stops when it is told to', async () => {
    await using fixture = await openScanFixture([[], [], []]);
    const scan = new OrphanScan(fixture.context, { grace: 0, retention: DAY });
    await assert.rejects(scan.run({ signal: AbortSignal.abort(new Error('stopping')) }), /stopping/);
    assert.deepEqual(fixture.looked, [0]);
  });

  it('looks up the rows of a hundred blobs at a time', async () => {
    const ids = Array.from({ length: 250 }, newBlobId);
    await using fixture = await openScanFixture([ids.slice(0, 130), ids.slice(130)]);
    let queries = 0;
    const db = watchQueries(fixture.context.db, {
      before: (query) => {
        if (query === 'select versions') queries += 1;
      },
    });
    await new OrphanScan({ ...fixture.context, db }, { grace: 0, retention: DAY }).run();
    assert.equal(queries, 3);
  });

  it('keeps blobs within the grace period, blobs that are gone, and blobs that this server is writing', async () => {
    const [old, young, gone, written] = [newBlobId(), newBlobId(), newBlobId(), newBlobId()];
    await using fixture = await openScanFixture([[old, young, gone, written]]);
    const now = fixture.fixture.clock.now();
    fixture.lastWrites.set(old, now - HOUR);
    fixture.lastWrites.set(young, now - HOUR + 1);
    fixture.lastWrites.set(gone, undefined);
    fixture.lastWrites.set(written, now - DAY);
    using _tracked = fixture.context.inFlight.track(written);
    assert.equal(await new OrphanScan(fixture.context, { grace: HOUR, retention: 0 }).run(), 1);
    assert.deepEqual(fixture.removed, [old]);
  });

  it('keeps an orphan for the retention time after it was found, to the millisecond, and reports it once', async () => {
    const [first, second] = [newBlobId(), newBlobId()];
    await using fixture = await openScanFixture([[first]]);
    const { clock } = fixture.fixture;
    const reports: unknown[] = [];
    const onFound = (count: number, keptUntil: number) => reports.push([count, keptUntil - clock.now()]);
    const scan = new OrphanScan(fixture.context, { grace: 0, retention: DAY, onFound });
    assert.equal(await scan.run(), 0);
    clock.advance(DAY - 1);
    fixture.parts[0]?.push(second);
    fixture.lastWrites.set(second, clock.now());
    assert.equal(await scan.run(), 0);
    assert.deepEqual(reports, [
      [1, DAY],
      [1, DAY],
    ]);
    clock.advance(1);
    assert.equal(await scan.run(), 1);
    assert.deepEqual(fixture.removed, [first]);
    assert.equal(reports.length, 2);
    assert.deepEqual(await knownOrphans(fixture.fixture), [second]);
  });

  it('forgets an orphan that it has not found for ninety days beyond the retention time, and no sooner', async () => {
    await using fixture = await openScanFixture([[]]);
    const now = fixture.fixture.clock.now();
    const [kept, forgotten] = [newBlobId(), newBlobId()];
    await fixture.context.db
      .insertInto('orphaned_blobs')
      .values([
        { blob_id: kept, found_at: now - DAY - 90 * DAY },
        { blob_id: forgotten, found_at: now - DAY - 90 * DAY - 1 },
      ])
      .execute();
    await new OrphanScan(fixture.context, { grace: 0, retention: DAY }).run();
    assert.deepEqual(await knownOrphans(fixture.fixture), [kept]);
  });

  it('without a retention time deletes orphans immediately, including earlier ones, and reports none', async () => {
    const ids = [newBlobId(), newBlobId()];
    await using fixture = await openScanFixture([ids]);
    const found_at = fixture.fixture.clock.now();
    await fixture.context.db
      .insertInto('orphaned_blobs')
      .values({ blob_id: ids[0] as BlobId, found_at })
      .execute();
    const onFound = () => assert.fail('it reported orphans that it deletes');
    assert.equal(await new OrphanScan(fixture.context, { grace: 0, retention: 0, onFound }).run(), 2);
    assert.deepEqual(fixture.removed.toSorted(), ids.toSorted());
    assert.deepEqual(await knownOrphans(fixture.fixture), []);
  });
});

async function knownOrphans({ uploads }: UploadFixture): Promise<BlobId[]> {
  const rows = await uploads.db.selectFrom('orphaned_blobs').select('blob_id').execute();
  return rows.map(({ blob_id: blob }) => blob);
}

/** A store with these blobs in its parts, and a database that references none of them. */
async function openScanFixture(parts: BlobId[][]) {
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
