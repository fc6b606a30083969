import type { BlobId, Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { deleteBlobRows, markBlobForDeletion } from '../files/blobs.ts';
import type { UploadContext } from './context.ts';
import { findReferencedBlobs } from './session-store.ts';

const BATCH = 100;
/**
 * A writer that has not been heard of for so long is dead. Longer than a blob on S3 takes from its last byte to its name:
 * 150 s of tries to complete it, a minute of asking what has become of it, a minute for the transaction.
 */
const LEASE: Millis = 15 * 60_000;

/**
 * Deletes the blobs that are known and that nothing names: those whose writer is dead, once `grace` or the lease of a
 * writer is over, and those that lost their last name. One that fails keeps none of the others from their turn.
 * @returns How many it deleted.
 */
export async function deleteUnreferenced(
  context: Pick<UploadContext, 'db' | 'blobs' | 'inFlight' | 'clock'>,
  { grace }: { grace: Millis },
): Promise<number> {
  const { db, blobs, inFlight, clock } = context;
  const before = clock.expiryTime() - Math.min(grace, LEASE);
  await discardDead({ db, blobs }, before, (blob) => inFlight.has(blob));

  let deleted = 0;
  let failure: unknown;
  for await (const batch of pagesOf(db, { deleting: 1, before: Number.MAX_SAFE_INTEGER })) {
    const named = await findReferencedBlobs(
      db,
      batch.map(({ blob_id: blob }) => blob),
    );
    const gone: BlobId[] = [];
    for (const { blob_id: blob, touched_at: touchedAt } of batch) {
      if (named.has(blob)) {
        await forgetReferenced(db, blob, touchedAt);
        continue;
      }
      try {
        await blobs.remove(blob);
        gone.push(blob);
      } catch (error) {
        failure ??= error;
      }
    }
    await deleteBlobRows(db, gone);
    deleted += gone.length;
  }
  if (failure !== undefined) throw failure;
  return deleted;
}

/**
 * At the start of a server that has the store to itself: whoever was writing a blob is dead. Gives back what they had
 * reserved; the sweep deletes the bytes.
 */
export async function discardBlobsOfEndedProcesses(rooms: Pick<UploadContext, 'db' | 'blobs'>): Promise<void> {
  await discardDead(rooms, Number.MAX_SAFE_INTEGER, () => false);
}

/**
 * A blob that is whole is not deleted here: it takes a moment from there to its name, so that it is more likely that it
 * has a name in a newer database, of which this one is an older backup.
 */
async function discardDead(
  { db, blobs }: Pick<UploadContext, 'db' | 'blobs'>,
  before: Millis,
  isAlive: (blob: BlobId) => boolean,
): Promise<void> {
  for await (const batch of pagesOf(db, { deleting: 0, before })) {
    for (const { blob_id: blob } of batch) {
      if (isAlive(blob)) continue;
      await markBlobForDeletion(db, blob, { before, keep: await blobs.isComplete(blob) });
    }
  }
}

async function* pagesOf(
  db: Kysely<Tables>,
  { deleting, before }: { deleting: 0 | 1; before: Millis },
): AsyncGenerator<{ blob_id: BlobId; touched_at: Millis }[]> {
  for (let after = '', more = true; more; ) {
    const page = await db
      .selectFrom('unreferenced_blobs')
      .select(['blob_id', 'touched_at'])
      .where('deleting', '=', deleting)
      .where('touched_at', '<=', before)
      .where('blob_id', '>', after as BlobId)
      .orderBy('blob_id')
      .limit(BATCH)
      .execute();
    if (page.length > 0) yield page;
    more = page.length === BATCH;
    after = page.at(-1)?.blob_id ?? after;
  }
}

/** Another row names it still; unless that went meanwhile, and noted it again. */
async function forgetReferenced(db: Kysely<Tables>, blob: BlobId, touchedAt: Millis): Promise<void> {
  await db
    .deleteFrom('unreferenced_blobs')
    .where('blob_id', '=', blob)
    .where('deleting', '=', 1)
    .where('touched_at', '=', touchedAt)
    .execute();
}
