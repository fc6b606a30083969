import type { BlobId, Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { StoredBlob } from '../storage/blob-store.ts';
import { findExplainedBlobs } from '../uploads/session-store.ts';
import { collectBatches } from '../util/batches.ts';
import type { FsckContext } from './context.ts';

const BATCH = 100;

/**
 * Bytes without rows. Listed first and held against the rows after that, in the order of the sweep, so that what gets
 * its row meanwhile is not taken for an orphan.
 */
export async function checkOrphans(check: FsckContext): Promise<{ young: number }> {
  const { blobs, clock, grace } = check;
  const ages = { oldEnough: clock.fileExpiryTime() - grace, newestRow: await newestRow(check.db) };
  let young = 0;
  for await (const batch of collectBatches(blobs.list(), BATCH)) young += await checkBatch(check, batch, ages);
  return { young };
}

async function checkBatch(
  check: FsckContext,
  batch: readonly StoredBlob[],
  { oldEnough, newestRow }: { oldEnough: Millis; newestRow: Millis },
): Promise<number> {
  const { db, blobs, found } = check;
  const explained = await findExplainedBlobs(
    db,
    batch.map((stored) => stored.blob),
  );
  let young = 0;
  for (const { blob: id, kind, modifiedAt, lastWrite } of batch) {
    if (explained.has(id)) continue;
    const written = (await lastWrite?.()) ?? modifiedAt;
    if (written > oldEnough) {
      young += 1;
      continue;
    }
    const kept = written > newestRow || (await isKept(check, id));
    await found({
      kind: 'content_orphaned',
      message: `The ${kind === 'staged' ? 'unfinished' : 'finished'} content ${id} is named by no row.${kept ? KEPT : ''}`,
      about: { blob_id: id, place: kind, modified_at: new Date(written).toISOString() },
      ...(!kept && {
        mend: async () => {
          if ((await findExplainedBlobs(db, [id])).has(id)) return false;
          await blobs.remove(id);
          return true;
        },
      }),
    });
  }
  return young;
}

const KEPT =
  ' It is kept, since rows may be missing: if an older backup of the database was restored, this is a newer file. ' +
  'The server removes it once it has known of it for PARTWAY_ORPHAN_RETENTION.';

/** Whether the server has found it, and not long enough ago to remove it. */
async function isKept({ db, clock, retention }: FsckContext, id: BlobId): Promise<boolean> {
  const known = await db.selectFrom('orphaned_blobs').select('found_at').where('blob_id', '=', id).executeTakeFirst();
  return known !== undefined && known.found_at > clock.expiryTime() - retention;
}

/** When the newest row that names bytes was written; what is newer than that may have lost its row. */
async function newestRow(db: Kysely<Tables>): Promise<Millis> {
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
