import type { BlobId, ItemId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { deleteUnreferencedBlobs, markBlobsForDeletion } from './blobs.ts';
import type { FileContext } from './context.ts';
import { chargeSpace } from './quota.ts';
import { lockTree } from './tree.ts';
import { BATCH_ROWS, deleteJob, renewJob, type TreeJob } from './tree-jobs.ts';

/** Looks for the next rows, in one transaction. */
const MOST_STEPS = 20;

type Found = Pick<ItemRow, 'id' | 'kind' | 'trashed_at'>;

/**
 * Deletes a tree that nobody sees any more, from the bottom up, in transactions of about `BATCH_ROWS` rows. The counters
 * of its owner agree with the rows after each, so that it can stop after any and begin again.
 */
export class TreeRemoval {
  readonly #job: TreeJob;
  /** From the top down: items of one level, whose parents are in the list before. At most `BATCH_ROWS` of each level. */
  readonly #levels: ItemId[][];
  /** What the rows of the transaction under way had taken. */
  #given = { bytes: 0, items: 0, contents: [] as BlobId[] };

  constructor(job: TreeJob) {
    this.#job = job;
    this.#levels = [[job.root_id]];
  }

  get isDone(): boolean {
    return this.#levels.length === 0;
  }

  /**
   * Deletes the next rows in a transaction that holds the owner's tree, and the job with the last of them. Gives the
   * contents that the rows named, whose bytes may go once the transaction has ended.
   */
  async deleteRows(tx: Transaction<Tables>): Promise<BlobId[]> {
    this.#given = { bytes: 0, items: 0, contents: [] };
    for (let steps = 0, rows = 0; !this.isDone && steps < MOST_STEPS && rows < BATCH_ROWS; steps++) {
      rows += await this.#step(tx);
    }
    const { bytes, items, contents: blobIds } = this.#given;
    await chargeSpace(tx, this.#job.owner_id, { used: -bytes, items: -items }, undefined);
    if (this.isDone && this.#job.kind === 'delete') await deleteJob(tx, this.#job);
    return blobIds;
  }

  /** Looks below the lowest level, or deletes what is there. Gives how many rows it has changed. */
  async #step(tx: Transaction<Tables>): Promise<number> {
    const level = this.#levels.at(-1) ?? [];
    const below = await itemsIn(tx, level);
    const kept = this.#job.kind === 'delete' ? below.filter((item) => item.trashed_at !== null) : [];
    if (kept.length > 0) return this.#keep(tx, kept);
    const folders = below.filter(({ kind }) => kind === 'folder');
    if (folders.length > 0) {
      this.#levels.push(idsOf(folders));
      return 0;
    }
    if (below.length > 0) return this.#deleteFiles(tx, idsOf(below));
    return this.#deleteLevel(tx, level);
  }

  /** What went to the trash by itself, out of a folder that is deleted, is the root folder's from now on. */
  async #keep(tx: Transaction<Tables>, kept: Found[]): Promise<number> {
    await tx
      .updateTable('items')
      .set((row) => ({
        parent_id: row.selectFrom('users').select('root_id').where('users.id', '=', this.#job.owner_id),
      }))
      .where('id', 'in', idsOf(kept))
      .execute();
    return kept.length;
  }

  /** Deletes files, with their versions first; those that have more versions than a batch stay for the next. */
  async #deleteFiles(tx: Transaction<Tables>, ids: readonly ItemId[]): Promise<number> {
    const versions = await tx
      .selectFrom('versions')
      .select(['id', 'size', 'blob_id'])
      .where('file_id', 'in', ids)
      .limit(BATCH_ROWS)
      .execute();
    if (versions.length > 0) {
      const all = versions.map(({ id }) => id);
      await tx.deleteFrom('versions').where('id', 'in', all).execute();
      await markBlobsForDeletion(
        tx,
        versions.map((version) => version.blob_id),
      );
    }
    this.#given.items += versions.length;
    for (const { size, blob_id: blob } of versions) {
      this.#given.bytes += size;
      this.#given.contents.push(blob);
    }
    if (versions.length === BATCH_ROWS) return versions.length;
    await tx.deleteFrom('items').where('id', 'in', ids).execute();
    return versions.length + ids.length;
  }

  /** Deletes items in which nothing is left: folders, or a file that is the whole tree. */
  async #deleteLevel(tx: Transaction<Tables>, level: readonly ItemId[]): Promise<number> {
    const items = await tx.selectFrom('items').select(['id', 'kind', 'trashed_at']).where('id', 'in', level).execute();
    const files = idsOf(items.filter(({ kind }) => kind === 'file'));
    if (files.length > 0) {
      const rows = await this.#deleteFiles(tx, files);
      if (rows === BATCH_ROWS) return rows;
    }
    const folders = idsOf(items.filter(({ kind }) => kind === 'folder'));
    if (folders.length > 0) await tx.deleteFrom('items').where('id', 'in', folders).execute();
    // A user's root folder does not count.
    this.#given.items +=
      this.#job.kind === 'delete' ? folders.length : folders.filter((id) => id !== this.#job.root_id).length;
    this.#levels.pop();
    return items.length;
  }
}

/**
 * Deletes what is left of a tree, in so many batches at most.
 * @returns Whether all of it is gone.
 */
export async function removeTree(
  context: FileContext,
  job: TreeJob,
  removal: TreeRemoval,
  { batches, signal }: { batches: number; signal?: AbortSignal | undefined },
): Promise<boolean> {
  for (let batch = 0; !removal.isDone; batch++) {
    if (batch === batches || signal?.aborted) return false;
    const blobIds = await context.turns.run(() =>
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

function itemsIn(tx: Transaction<Tables>, folders: readonly ItemId[]): Promise<Found[]> {
  return tx
    .selectFrom('items')
    .select(['id', 'kind', 'trashed_at'])
    .where('parent_id', 'in', folders)
    .limit(BATCH_ROWS)
    .execute();
}

function idsOf(items: readonly Found[]): ItemId[] {
  return items.map(({ id }) => id);
}
