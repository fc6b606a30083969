import type { BlobId, Millis, UserId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { Tables, VersionRow } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import type { BlobStore, StagedBlob } from '../storage/blob-store.ts';
import { inBatches } from '../util/chunks.ts';
import type { FileContext } from './context.ts';
import { chargeSpace } from './quota.ts';
import { lockTree } from './tree.ts';

/**
 * Every blob has a row from before its first byte until after its last one is deleted: one of these while nothing names
 * it. So whatever a crash leaves is known, is deleted soon, and gives back what it had reserved; and bytes without any
 * row are nobody's leftovers, but a sign that rows are missing.
 */

interface BlobToWrite {
  blob: BlobId;
  owner: UserId;
  /** Bytes to count as reserved by the owner until the blob has its name. */
  reserve?: number;
}

/** Notes that a blob is about to be written. Refuses `storage_limit_exceeded` if there is no room for what it reserves. */
export async function recordBlob(
  db: Kysely<Tables>,
  { blob, owner, reserve = 0 }: BlobToWrite,
  now: Millis,
  userQuota?: number,
): Promise<void> {
  const row = { blob_id: blob, owner_id: owner, reserved: reserve, touched_at: now, deleting: 0 as const };
  if (reserve === 0) {
    await db.insertInto('unreferenced_blobs').values(row).execute();
    return;
  }
  await db.transaction().execute(async (tx) => {
    await chargeSpace(tx, owner, { reserved: reserve }, userQuota);
    await tx.insertInto('unreferenced_blobs').values(row).execute();
  });
}

/**
 * Reserves more for a blob that is being written. Refuses `storage_limit_exceeded`, and `unavailable` if the blob was
 * given up meanwhile.
 */
export async function extendReservation(
  db: Kysely<Tables>,
  { blob, owner, reserve }: Required<BlobToWrite>,
  now: Millis,
  userQuota: number | undefined,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await chargeSpace(tx, owner, { reserved: reserve }, userQuota);
    await touch(tx, blob, reserve, now);
  });
}

/** Says that the writer of a blob is still at work. Refuses `unavailable` if the blob was given up meanwhile. */
export function touchBlob(db: Kysely<Tables>, blob: BlobId, now: Millis): Promise<void> {
  return touch(db, blob, 0, now);
}

async function touch(db: Kysely<Tables>, blob: BlobId, more: number, now: Millis): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('unreferenced_blobs')
    .set((row) => ({ reserved: row('reserved', '+', more), touched_at: now }))
    .where('blob_id', '=', blob)
    .where('deleting', '=', 0)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw blobDiscardedError();
}

/**
 * In the transaction that names the blob: it is unreferenced no longer. What it had reserved is for the caller to give
 * back. Refuses `unavailable` if the blob was given up meanwhile: its bytes may be gone.
 */
export async function referenceBlob(tx: Transaction<Tables>, blob: BlobId): Promise<void> {
  const { numDeletedRows } = await tx
    .deleteFrom('unreferenced_blobs')
    .where('blob_id', '=', blob)
    .where('deleting', '=', 0)
    .executeTakeFirst();
  if (numDeletedRows === 0n) throw blobDiscardedError();
}

function blobDiscardedError(): DomainError {
  return new DomainError(
    'unavailable',
    'The server took this upload for abandoned, because it heard nothing of it for too long. Send it again.',
    { retryAfterSeconds: 5 },
  );
}

/**
 * Says that a blob will never get a name, and gives back what it had reserved. Gives false if it has got one, or is to be
 * deleted already. With `before`, only if its writer was last at work before that moment. With `keep`, its bytes are not
 * to be deleted: they are forgotten, and nothing explains them from then on.
 */
export function markBlobForDeletion(
  db: Kysely<Tables>,
  blob: BlobId,
  { before, keep = false }: { before?: Millis; keep?: boolean } = {},
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const note = tx.selectFrom('unreferenced_blobs').where('blob_id', '=', blob).where('deleting', '=', 0);
    const owner = (await note.select('owner_id').executeTakeFirst())?.owner_id;
    if (owner == null) return false;
    // The user's row first, as every other transaction does: from here on nobody reserves more for this blob.
    await lockTree(tx, owner);
    const reserved = (await note.select('reserved').executeTakeFirst())?.reserved ?? 0;
    const { numUpdatedRows } = await tx
      .updateTable('unreferenced_blobs')
      .set({ deleting: 1, owner_id: null, reserved: 0, touched_at: 0 })
      .where('blob_id', '=', blob)
      .where('deleting', '=', 0)
      .$if(before !== undefined, (query) => query.where('touched_at', '<=', before ?? 0))
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return false;
    if (reserved > 0) await chargeSpace(tx, owner, { reserved: -reserved }, undefined);
    if (keep) await deleteBlobRows(tx, [blob]);
    return true;
  });
}

/**
 * In the transaction that deletes rows: notes the blobs that these rows named, which are then deleted unless another row
 * names them too.
 */
export async function markBlobsForDeletion(tx: Transaction<Tables>, blobs: Iterable<BlobId>): Promise<void> {
  const rows = [...new Set(blobs)].map((blob) => ({
    blob_id: blob,
    owner_id: null,
    touched_at: 0,
    deleting: 1 as const,
  }));
  if (rows.length === 0) return;
  await tx
    .insertInto('unreferenced_blobs')
    .values(rows)
    // One that is deleting already is noted again, so that whoever looked before does not forget it.
    .onConflict((conflict) =>
      conflict.column('blob_id').doUpdateSet((row) => ({ touched_at: row('unreferenced_blobs.touched_at', '+', 1) })),
    )
    .execute();
}

/** Forgets deleting blobs whose bytes are gone. */
export async function deleteBlobRows(db: Kysely<Tables>, blobs: readonly BlobId[]): Promise<void> {
  if (blobs.length === 0) return;
  await db.deleteFrom('unreferenced_blobs').where('blob_id', 'in', blobs).where('deleting', '=', 1).execute();
}

/**
 * Gives up a blob that was noted, and whose writer has failed: what it had reserved is given back, then its bytes are
 * deleted. Does nothing if it has got a name after all.
 */
export async function discardBlob(
  { db, blobs }: { db: Kysely<Tables>; blobs: Pick<BlobStore, 'remove'> },
  target: BlobId | StagedBlob,
): Promise<void> {
  const blob = typeof target === 'string' ? target : target.blob;
  if (!(await markBlobForDeletion(db, blob))) return;
  await blobs.remove(target);
  await deleteBlobRows(db, [blob]);
}

/** Well below what a statement takes as parameters anywhere. */
const BATCH = 500;

/**
 * Removes the bytes of versions that are gone, but for those that another version names. It asks only after the rows are
 * gone for certain: a content that nothing names then is named by nothing ever again, for a copy needs a version.
 */
export async function deleteUnreferencedBlobs({ db, blobs }: FileContext, blobIds: readonly BlobId[]): Promise<void> {
  const named = await inBatches(blobIds, (batch) =>
    db.selectFrom('versions').select('blob_id').distinct().where('blob_id', 'in', batch).execute(),
  );
  const kept = new Set(named.map((row) => row.blob_id));
  const gone = blobIds.filter((id) => !kept.has(id));
  for (const id of gone) await blobs.remove(id);
  for (let from = 0; from < gone.length; from += BATCH) await deleteBlobRows(db, gone.slice(from, from + BATCH));
}

/**
 * Whether the file got another version in the same second. Then a date, which HTTP gives to the second, does not say which
 * of them somebody has. Looks at the versions before and after this one, by an index.
 */
export async function hasLaterVersionInSecond(db: Kysely<Tables>, version: VersionRow): Promise<boolean> {
  const ofFile = db.selectFrom('versions').select('created_at').where('file_id', '=', version.file_id).limit(1);
  const neighbors = await Promise.all([
    ofFile.where('id', '<', version.id).orderBy('id', 'desc').executeTakeFirst(),
    ofFile.where('id', '>', version.id).orderBy('id').executeTakeFirst(),
  ]);
  const second = Math.floor(version.created_at / 1000);
  return neighbors.some((neighbor) => neighbor && Math.floor(neighbor.created_at / 1000) === second);
}
