import type { BlobId, ItemId, Millis, UserId, VersionId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { deleteUnreferencedBlobs, markBlobsForDeletion } from '../blobs.ts';
import type { FileContext } from '../context.ts';
import { chargeSpace } from '../quota.ts';
import { deleteFileRows } from '../remove-tree.ts';
import { lockTree } from '../tree.ts';
import { BATCH_ROWS, listCopySources } from '../tree-jobs.ts';

// Each function deletes rows of one owner in one transaction, then the bytes that nothing refers to any more.

/**
 * Permanently deletes those of the owner's files that have been in the trash since `before`. None while a folder of the
 * owner is being copied.
 * @returns The number of deleted files, and the files with too many versions for one transaction, which remain.
 */
export async function purgeFiles(
  context: FileContext,
  owner: UserId,
  ids: readonly ItemId[],
  before: Millis,
): Promise<{ purged: number; large: ItemId[] }> {
  const { batches, large } = await splitByVersions(context.db, ids);
  let purged = 0;
  for (const batch of batches) {
    purged += await runBatch(context, owner, async (tx) => {
      const due = await selectDueFiles(tx, owner, batch, before);
      const { bytes, versions, blobIds } = await deleteFileRows(tx, due);
      return { count: due.length, bytes, versions, blobIds };
    });
  }
  return { purged, large };
}

/** Permanently deletes those past versions of the owner's files that have been in the trash since `before`. */
export function purgeVersions(
  context: FileContext,
  owner: UserId,
  ids: readonly VersionId[],
  before: Millis,
): Promise<number> {
  return runBatch(context, owner, async (tx) => {
    const due = await tx
      .selectFrom('versions')
      .select(['id', 'size', 'blob_id'])
      .where('id', 'in', ids)
      .where('trashed_at', '<=', before)
      .execute();
    const blobIds = due.map(({ blob_id: blob }) => blob);
    if (due.length > 0) {
      const dueIds = due.map(({ id }) => id);
      await tx.deleteFrom('versions').where('id', 'in', dueIds).execute();
      await markBlobsForDeletion(tx, blobIds);
    }
    const bytes = due.reduce((sum, { size }) => sum + size, 0);
    return { count: due.length, bytes, versions: due.length, blobIds };
  });
}

interface Deleted {
  count: number;
  bytes: number;
  versions: number;
  blobIds: BlobId[];
}

async function runBatch(
  context: FileContext,
  owner: UserId,
  deleteRows: (tx: Transaction<Tables>) => Promise<Deleted>,
): Promise<number> {
  const { db, treeBatches } = context;
  const { count, blobIds } = await treeBatches.run(() =>
    db.transaction().execute(async (tx) => {
      await lockTree(tx, owner);
      // What is being copied must not change, and a copy ends soon.
      if ((await listCopySources(tx, owner)).length > 0) return { count: 0, blobIds: [] };
      const deleted = await deleteRows(tx);
      await chargeSpace(tx, owner, { used: -deleted.bytes, items: -deleted.versions }, undefined);
      return deleted;
    }),
  );
  await deleteUnreferencedBlobs(context, blobIds);
  return count;
}

/** Splits files so that each batch has fewer than `BATCH_ROWS` versions. */
async function splitByVersions(
  db: Kysely<Tables>,
  ids: readonly ItemId[],
): Promise<{ batches: ItemId[][]; large: ItemId[] }> {
  const counted = await db
    .selectFrom('versions')
    .select((row) => ['file_id', row.fn.countAll().as('count')])
    .where('file_id', 'in', ids)
    .groupBy('file_id')
    .execute();
  const counts = new Map(counted.map(({ file_id: id, count }) => [id, Number(count)]));
  const batches: ItemId[][] = [];
  const large: ItemId[] = [];
  let space = 0;
  for (const id of ids) {
    const versions = Math.max(counts.get(id) ?? 0, 1);
    if (versions >= BATCH_ROWS) {
      large.push(id);
      continue;
    }
    if (versions > space) {
      batches.push([]);
      space = BATCH_ROWS - 1;
    }
    batches.at(-1)?.push(id);
    space -= versions;
  }
  return { batches, large };
}

async function selectDueFiles(
  tx: Transaction<Tables>,
  owner: UserId,
  ids: readonly ItemId[],
  before: Millis,
): Promise<ItemId[]> {
  const due = await tx
    .selectFrom('items')
    .select('id')
    .where('id', 'in', ids)
    .where('owner_id', '=', owner)
    .where('kind', '=', 'file')
    .whereRef('trashed_with', '=', 'id')
    .where('trashed_at', '<=', before)
    .execute();
  return due.map(({ id }) => id);
}
