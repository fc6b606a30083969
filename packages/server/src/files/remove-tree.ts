import type { BlobId, ItemId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { deleteUnreferencedBlobs, markBlobsForDeletion } from './blobs.ts';
import type { TreeDeletionContext } from './context.ts';
import { chargeSpace } from './quota.ts';
import { lockTree } from './tree.ts';
import { BATCH_ROWS, deleteJob, renewJob, type TreeJob } from './tree-jobs.ts';

/** Maximum number of queries for the next rows to delete, per transaction. */
const MAX_STEPS = 20;

type FoundItem = Pick<ItemRow, 'id' | 'kind' | 'trashed_at'>;

/**
 * Deletes a tree that is no longer visible, from the bottom up, in transactions of about `BATCH_ROWS` rows. The owner's
 * counters match the rows after each transaction, so the removal can stop at any of them and start again from the root.
 */
export class TreeRemoval {
  readonly #job: TreeJob;
  /** Items per level, from the top down; their parents are in the previous list. At most `BATCH_ROWS` per level. */
  readonly #levels: ItemId[][];
  /** What the current transaction has deleted. */
  #deleted = { bytes: 0, items: 0, blobIds: [] as BlobId[] };

  constructor(job: TreeJob) {
    this.#job = job;
    this.#levels = [[job.root_id]];
  }

  get isDone(): boolean {
    return this.#levels.length === 0;
  }

  /**
   * Deletes the next rows, and the job with the last of them. The owner's tree must be locked. Returns the blobs that
   * these rows referenced; they can be deleted after the transaction has committed.
   */
  async deleteRows(tx: Transaction<Tables>): Promise<BlobId[]> {
    this.#deleted = { bytes: 0, items: 0, blobIds: [] };
    for (let steps = 0, rows = 0; !this.isDone && steps < MAX_STEPS && rows < BATCH_ROWS; steps++) {
      rows += await this.#step(tx);
    }
    const { bytes, items, blobIds } = this.#deleted;
    await chargeSpace(tx, this.#job.owner_id, { used: -bytes, items: -items }, undefined);
    if (this.isDone && this.#job.kind === 'delete') await deleteJob(tx, this.#job);
    return blobIds;
  }

  /** Descends one level, or deletes rows at the lowest level. Returns the number of changed rows. */
  async #step(tx: Transaction<Tables>): Promise<number> {
    const level = this.#levels.at(-1) ?? [];
    const children = await listChildren(tx, level);
    const trashed = this.#job.kind === 'delete' ? children.filter((item) => item.trashed_at !== null) : [];
    if (trashed.length > 0) return this.#moveToRoot(tx, trashed);
    const folders = children.filter(({ kind }) => kind === 'folder');
    if (folders.length > 0) {
      this.#levels.push(toIds(folders));
      return 0;
    }
    if (children.length > 0) return this.#deleteFiles(tx, toIds(children));
    return this.#deleteLevel(tx, level);
  }

  /**
   * Keeps items that had been moved to the trash themselves before the folder: the root folder becomes their parent.
   */
  async #moveToRoot(tx: Transaction<Tables>, trashed: FoundItem[]): Promise<number> {
    await tx
      .updateTable('items')
      .set((row) => ({
        parent_id: row.selectFrom('users').select('root_id').where('users.id', '=', this.#job.owner_id),
      }))
      .where('id', 'in', toIds(trashed))
      .execute();
    return trashed.length;
  }

  async #deleteFiles(tx: Transaction<Tables>, ids: readonly ItemId[]): Promise<number> {
    const { bytes, versions, blobIds } = await deleteFileRows(tx, ids);
    this.#deleted.items += versions;
    this.#deleted.bytes += bytes;
    this.#deleted.blobIds.push(...blobIds);
    return versions === BATCH_ROWS ? versions : versions + ids.length;
  }

  /** Deletes the items of a level without children: folders, or the file if the tree is a single file. */
  async #deleteLevel(tx: Transaction<Tables>, level: readonly ItemId[]): Promise<number> {
    const items = await tx.selectFrom('items').select(['id', 'kind', 'trashed_at']).where('id', 'in', level).execute();
    const files = toIds(items.filter(({ kind }) => kind === 'file'));
    if (files.length > 0) {
      const rows = await this.#deleteFiles(tx, files);
      if (rows === BATCH_ROWS) return rows;
    }
    const folders = toIds(items.filter(({ kind }) => kind === 'folder'));
    if (folders.length > 0) await tx.deleteFrom('items').where('id', 'in', folders).execute();
    // A user's root folder is not part of the item count.
    this.#deleted.items +=
      this.#job.kind === 'delete' ? folders.length : folders.filter((id) => id !== this.#job.root_id).length;
    this.#levels.pop();
    return items.length;
  }
}

/**
 * Deletes up to `BATCH_ROWS` versions of these files, then the files. If that many versions were deleted, the files remain
 * for the next call. The owner's tree must be locked.
 */
export async function deleteFileRows(
  tx: Transaction<Tables>,
  ids: readonly ItemId[],
): Promise<{ bytes: number; versions: number; blobIds: BlobId[] }> {
  if (ids.length === 0) return { bytes: 0, versions: 0, blobIds: [] };
  const versions = await tx
    .selectFrom('versions')
    .select(['id', 'size', 'blob_id'])
    .where('file_id', 'in', ids)
    .limit(BATCH_ROWS)
    .execute();
  const blobIds = versions.map((version) => version.blob_id);
  if (versions.length > 0) {
    const versionIds = versions.map(({ id }) => id);
    await tx.deleteFrom('versions').where('id', 'in', versionIds).execute();
    await markBlobsForDeletion(tx, blobIds);
  }
  if (versions.length < BATCH_ROWS) await tx.deleteFrom('items').where('id', 'in', ids).execute();
  return { bytes: versions.reduce((sum, { size }) => sum + size, 0), versions: versions.length, blobIds };
}

/** Deletes the rest of a tree in at most `batches` batches. Returns whether all of it is deleted. */
export async function removeTree(
  context: TreeDeletionContext,
  job: TreeJob,
  removal: TreeRemoval,
  { batches, signal }: { batches: number; signal?: AbortSignal | undefined },
): Promise<boolean> {
  for (let batch = 0; !removal.isDone; batch++) {
    if (batch === batches || signal?.aborted) return false;
    const blobIds = await context.treeBatches.run(() =>
      context.db.transaction().execute(async (tx) => {
        await lockTree(tx, job.owner_id);
        await renewJob(tx, job, context.clock.lifetimesFrom());
        return removal.deleteRows(tx);
      }),
    );
    await deleteUnreferencedBlobs(context, blobIds);
  }
  return true;
}

function listChildren(tx: Transaction<Tables>, folders: readonly ItemId[]): Promise<FoundItem[]> {
  return tx
    .selectFrom('items')
    .select(['id', 'kind', 'trashed_at'])
    .where('parent_id', 'in', folders)
    .limit(BATCH_ROWS)
    .execute();
}

function toIds(items: readonly FoundItem[]): ItemId[] {
  return items.map(({ id }) => id);
}
