import type { BlobId, Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { StoredBlob } from '../storage/blob-store.ts';
import { findExplainedBlobs } from '../uploads/session-store.ts';
import { collectBatches } from '../util/batches.ts';
import type { FsckContext } from './context.ts';

const BATCH = 100;

/**
 * Finds blobs without rows. Like garbage collection, it lists the blobs before it reads the rows, so that a blob whose row
 * is written meanwhile is not mistaken for an orphan.
 * @returns The number of blobs without rows that are too young to be orphans.
 */
export async function checkOrphans(context: FsckContext): Promise<{ skipped: number }> {
  const { blobs, clock, grace } = context;
  const limits = { oldEnough: clock.fileExpiryTime() - grace, newestRow: await findNewestRow(context.db) };
  let skipped = 0;
  for await (const batch of collectBatches(blobs.list(), BATCH)) skipped += await checkBatch(context, batch, limits);
  return { skipped };
}

async function checkBatch(
  context: FsckContext,
  batch: readonly StoredBlob[],
  { oldEnough, newestRow }: { oldEnough: Millis; newestRow: Millis },
): Promise<number> {
  const { db, blobs, found } = context;
  const explained = await findExplainedBlobs(
    db,
    batch.map((stored) => stored.blob),
  );
  let skipped = 0;
  for (const { blob: id, kind, modifiedAt, lastWrite } of batch) {
    if (explained.has(id)) continue;
    const written = (await lastWrite?.()) ?? modifiedAt;
    if (written > oldEnough) {
      skipped += 1;
      continue;
    }
    const isRetained = written > newestRow || (await isRetainedOrphan(context, id));
    await found({
      kind: 'blob_orphaned',
      message: `No row references the ${kind === 'staged' ? 'staged' : 'complete'} blob ${id}.${isRetained ? RETAINED : ''}`,
      about: { blob_id: id, place: kind, modified_at: new Date(written).toISOString() },
      ...(!isRetained && {
        repair: async () => {
          if ((await findExplainedBlobs(db, [id])).has(id)) return false;
          await blobs.remove(id);
          return true;
        },
      }),
    });
  }
  return skipped;
}

const RETAINED =
  ' It is kept, because its row might be missing: if an older backup of the database was restored, this is a newer file. ' +
  'The server removes it when PARTWAY_ORPHAN_RETENTION has passed since it was first found.';

/** Whether the server has found the orphan, and the retention time has not passed yet. */
async function isRetainedOrphan({ db, clock, retention }: FsckContext, id: BlobId): Promise<boolean> {
  const orphan = await db.selectFrom('orphaned_blobs').select('found_at').where('blob_id', '=', id).executeTakeFirst();
  return orphan !== undefined && orphan.found_at > clock.expiryTime() - retention;
}

/** Finds when the newest row that references a blob was written. The row of a newer blob might have been lost. */
async function findNewestRow(db: Kysely<Tables>): Promise<Millis> {
  const newest = await Promise.all(
    (['versions', 'upload_sessions'] as const).map((table) =>
      db
        .selectFrom(table)
        .select((row) => row.fn.max('created_at').as('at'))
        .executeTakeFirst(),
    ),
  );
  return Math.max(0, ...newest.map((row) => Number(row?.at ?? 0)));
}
