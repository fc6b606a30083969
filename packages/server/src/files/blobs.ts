import type { BlobId, Millis, UserId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { Tables, VersionRow } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import type { BlobStore, StagedBlob } from '../storage/blob-store.ts';
import { inBatches, splitIntoBatches } from '../util/batches.ts';
import type { FileContext } from './context.ts';
import { chargeSpace } from './quota.ts';
import { lockTree } from './tree.ts';

// Every blob has a row from before its first byte until after its last byte is deleted. As long as no version
// references it, that is a row of `unreferenced_blobs`. So blobs left by a crash are known: they are deleted soon, and
// the quota that they reserved is released. Bytes without any row are never leftovers; they mean that rows are missing.

interface BlobToWrite {
  blob: BlobId;
  owner: UserId;
  /** Bytes of the owner's quota to reserve until a version references the blob. */
  reserve?: number;
}

/** Records a blob that is about to be written, and reserves quota for it. Throws `quota-exceeded`. */
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
 * Reserves more quota for a blob that is being written. Throws `quota-exceeded`, and `unavailable` if the blob was
 * discarded meanwhile.
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

/** Records that a blob is still being written. Throws `unavailable` if the blob was discarded meanwhile. */
export function touchBlob(db: Kysely<Tables>, blob: BlobId, now: Millis): Promise<void> {
  return touch(db, blob, 0, now);
}

async function touch(db: Kysely<Tables>, blob: BlobId, reserve: number, now: Millis): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('unreferenced_blobs')
    .set((row) => ({ reserved: row('reserved', '+', reserve), touched_at: now }))
    .where('blob_id', '=', blob)
    .where('deleting', '=', 0)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw blobDiscardedError();
}

/**
 * Deletes the row of a blob in the transaction that inserts a version with it. The caller releases the reserved quota.
 * Throws `unavailable` if the blob was discarded meanwhile, because its bytes may no longer exist.
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
    'The server discarded this upload because it was inactive for too long. Upload the file again.',
    { retryAfterSeconds: 5 },
  );
}

/**
 * Marks an unreferenced blob for deletion and releases its reserved quota. Returns false if a version references the
 * blob or it is already marked. With `before`, it is marked only if its writer was last active before that time. With
 * `keep`, its row is deleted and its bytes stay, as an orphan.
 */
export function markBlobForDeletion(
  db: Kysely<Tables>,
  blob: BlobId,
  { before, keep = false }: { before?: Millis; keep?: boolean } = {},
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const blobRow = tx.selectFrom('unreferenced_blobs').where('blob_id', '=', blob).where('deleting', '=', 0);
    const owner = (await blobRow.select('owner_id').executeTakeFirst())?.owner_id;
    if (owner == null) return false;
    // All transactions lock the user's row first, to avoid deadlocks. With the lock, no one can reserve more for this
    // blob.
    await lockTree(tx, owner);
    const reserved = (await blobRow.select('reserved').executeTakeFirst())?.reserved ?? 0;
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
 * Marks blobs for deletion in the transaction that deletes the versions referencing them. Blobs that other versions
 * also reference are not deleted.
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
    // Garbage collection deletes a row only if `touched_at` is unchanged. Changing it here makes it check the blob
    // again.
    .onConflict((conflict) =>
      conflict.column('blob_id').doUpdateSet((row) => ({ touched_at: row('unreferenced_blobs.touched_at', '+', 1) })),
    )
    .execute();
}

/** Deletes the rows of blobs whose bytes have been removed. */
export async function deleteBlobRows(db: Kysely<Tables>, blobs: readonly BlobId[]): Promise<void> {
  if (blobs.length === 0) return;
  await db.deleteFrom('unreferenced_blobs').where('blob_id', 'in', blobs).where('deleting', '=', 1).execute();
}

/**
 * Discards a recorded blob whose writer has failed: releases its reserved quota, then removes its bytes. Does nothing
 * if a version references it.
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

/**
 * Removes blobs of deleted versions, unless other versions reference them. Call this after the deletion has committed:
 * a blob without references then can never get one again, because copies are made from versions.
 */
export async function deleteUnreferencedBlobs(
  { db, blobs }: Pick<FileContext, 'db' | 'blobs'>,
  blobIds: readonly BlobId[],
): Promise<void> {
  const rows = await inBatches(blobIds, (batch) =>
    db.selectFrom('versions').select('blob_id').distinct().where('blob_id', 'in', batch).execute(),
  );
  const referenced = new Set(rows.map((row) => row.blob_id));
  const unreferenced = blobIds.filter((id) => !referenced.has(id));
  for (const id of unreferenced) await blobs.remove(id);
  for (const batch of splitIntoBatches(unreferenced)) await deleteBlobRows(db, batch);
}

/**
 * Whether the file has another version from the same second. If so, `Last-Modified` cannot tell them apart, because
 * HTTP dates have no fraction. Reads only the versions before and after this one, with an index.
 */
export async function hasLaterVersionInSecond(db: Kysely<Tables>, version: VersionRow): Promise<boolean> {
  const times = db.selectFrom('versions').select('created_at').where('file_id', '=', version.file_id).limit(1);
  const neighbors = await Promise.all([
    times.where('id', '<', version.id).orderBy('id', 'desc').executeTakeFirst(),
    times.where('id', '>', version.id).orderBy('id').executeTakeFirst(),
  ]);
  const second = Math.floor(version.created_at / 1000);
  return neighbors.some((neighbor) => neighbor && Math.floor(neighbor.created_at / 1000) === second);
}
