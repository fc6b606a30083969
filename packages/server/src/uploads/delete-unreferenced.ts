import type { BlobId, Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { deleteBlobRows, markBlobForDeletion } from '../files/blobs.ts';
import type { UploadContext } from './context.ts';
import { findReferencedBlobs } from './session-store.ts';

const BATCH = 100;
/**
 * A writer without a sign of life for this long counts as dead. This is longer than an upload to S3 takes from its last byte
 * to its row: retries to complete it for 150 s, a minute to find out what became of it, a minute for the transaction.
 */
const LEASE: Millis = 15 * 60_000;

/**
 * Deletes unreferenced blobs: those that lost their last reference, and those whose writer has shown no sign of life for
 * `grace` or for the lease of a writer. If one cannot be deleted, the others still are, and then this throws.
 * @returns The number of deleted blobs.
 */
export async function deleteUnreferenced(
  context: Pick<UploadContext, 'db' | 'blobs' | 'inFlight' | 'clock'>,
  { grace }: { grace: Millis },
): Promise<number> {
  const { db, blobs, inFlight, clock } = context;
  const lastSignOfLife = clock.expiryTime() - Math.min(grace, LEASE);
  await discardAbandoned({ db, blobs }, lastSignOfLife, (blob) => inFlight.has(blob));

  let deleted = 0;
  let firstError: unknown;
  for await (const batch of listBatches(db, { deleting: 1, before: Number.MAX_SAFE_INTEGER })) {
    const referenced = await findReferencedBlobs(
      db,
      batch.map(({ blob_id: blob }) => blob),
    );
    const removed: BlobId[] = [];
    for (const { blob_id: blob, touched_at: touchedAt } of batch) {
      if (referenced.has(blob)) {
        await unmarkReferenced(db, blob, touchedAt);
        continue;
      }
      try {
        await blobs.remove(blob);
        removed.push(blob);
      } catch (error) {
        firstError ??= error;
      }
    }
    await deleteBlobRows(db, removed);
    deleted += removed.length;
  }
  if (firstError !== undefined) throw firstError;
  return deleted;
}

/**
 * Discards the blobs that ended processes were writing, and frees the space reserved for them. Garbage collection deletes
 * the bytes. Call it at the start of a server that is alone with its database.
 */
export async function discardBlobsOfEndedProcesses(context: Pick<UploadContext, 'db' | 'blobs'>): Promise<void> {
  await discardAbandoned(context, Number.MAX_SAFE_INTEGER, () => false);
}

/**
 * Marks blobs for deletion whose writer is dead. Complete blobs are only forgotten, and can become orphans: a blob is
 * complete only for a moment before it gets its row, so more likely this database is an older backup, and a newer one has
 * the row.
 */
async function discardAbandoned(
  { db, blobs }: Pick<UploadContext, 'db' | 'blobs'>,
  before: Millis,
  isInFlight: (blob: BlobId) => boolean,
): Promise<void> {
  for await (const batch of listBatches(db, { deleting: 0, before })) {
    for (const { blob_id: blob } of batch) {
      if (isInFlight(blob)) continue;
      await markBlobForDeletion(db, blob, { before, keep: await blobs.isComplete(blob) });
    }
  }
}

async function* listBatches(
  db: Kysely<Tables>,
  { deleting, before }: { deleting: 0 | 1; before: Millis },
): AsyncGenerator<{ blob_id: BlobId; touched_at: Millis }[]> {
  for (let after = '', hasMore = true; hasMore; ) {
    const batch = await db
      .selectFrom('unreferenced_blobs')
      .select(['blob_id', 'touched_at'])
      .where('deleting', '=', deleting)
      .where('touched_at', '<=', before)
      .where('blob_id', '>', after as BlobId)
      .orderBy('blob_id')
      .limit(BATCH)
      .execute();
    if (batch.length > 0) yield batch;
    hasMore = batch.length === BATCH;
    after = batch.at(-1)?.blob_id ?? after;
  }
}

/** Keeps a blob that another row refers to, unless that row was deleted meanwhile, which changes `touched_at`. */
async function unmarkReferenced(db: Kysely<Tables>, blob: BlobId, touchedAt: Millis): Promise<void> {
  await db
    .deleteFrom('unreferenced_blobs')
    .where('blob_id', '=', blob)
    .where('deleting', '=', 1)
    .where('touched_at', '=', touchedAt)
    .execute();
}
