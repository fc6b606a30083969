import type { ItemId, Millis, TreeJobId, UserId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { Tables, TreeJobRow } from '../database/schema.ts';
import { newId } from '../database/values.ts';
import { DomainError } from '../errors.ts';
import { findPath } from './find.ts';

// A tree job records that a tree is being copied or deleted in batches. If its process dies, the lease expires and a
// background job continues the work.

/** Maximum number of rows that one transaction of a long operation writes, per table. */
export const BATCH_ROWS = 200;

/** After this time without a batch, another process takes the job. Each batch renews the lease. */
const LEASE: Millis = 60_000;

export type TreeJob = Pick<TreeJobRow, 'id' | 'kind' | 'owner_id' | 'root_id'>;

/** Records that a tree is being copied or deleted. The owner's tree must be locked. */
export async function insertJob(
  tx: Transaction<Tables>,
  job: Pick<TreeJobRow, 'kind' | 'owner_id' | 'root_id'> & { source_id?: ItemId },
  now: Millis,
): Promise<TreeJob> {
  const row = { source_id: null, ...job, id: newId<TreeJobId>(), lease_until: now + LEASE };
  await tx.insertInto('tree_jobs').values(row).execute();
  return row;
}

/** Renews the lease of a job. Returns false if the job has ended, or if another process now deletes what it copied. */
export async function renewJob(tx: Transaction<Tables>, { id, kind }: TreeJob, now: Millis): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('tree_jobs')
    .set({ lease_until: now + LEASE })
    .where('id', '=', id)
    .where('kind', '=', kind)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Lets the background job finish the work without waiting for the lease. An incomplete copy is deleted. */
export async function abandonJob(db: Kysely<Tables>, { id, kind }: TreeJob): Promise<void> {
  await db
    .updateTable('tree_jobs')
    .set({ lease_until: 0, ...(kind === 'copy' && { kind: 'delete', source_id: null }) })
    .where('id', '=', id)
    .where('kind', '=', kind)
    .execute();
}

export async function deleteJob(tx: Transaction<Tables>, { id }: TreeJob): Promise<void> {
  await tx.deleteFrom('tree_jobs').where('id', '=', id).execute();
}

/**
 * Acquires a job whose lease has expired. Returns undefined if there is none. Processes that call this at the same time
 * get different jobs.
 */
export async function acquireOverdueJob(db: Kysely<Tables>, now: Millis): Promise<TreeJob | undefined> {
  for (;;) {
    const job = await db
      .selectFrom('tree_jobs')
      .select(['id', 'kind', 'owner_id', 'root_id', 'lease_until'])
      .where('lease_until', '<=', now)
      .orderBy('lease_until')
      .executeTakeFirst();
    if (job === undefined) return undefined;
    const kind = job.kind === 'copy' ? 'delete' : job.kind;
    const { numUpdatedRows } = await db
      .updateTable('tree_jobs')
      .set({ lease_until: now + LEASE, kind, source_id: null })
      .where('id', '=', job.id)
      .where('lease_until', '=', job.lease_until)
      .executeTakeFirst();
    if (numUpdatedRows === 1n) return { ...job, kind };
  }
}

/**
 * Acquires all copies and deletions of a user's trees. Processes that still copy stop at their next batch, because
 * their jobs have become deletions.
 */
export async function acquireJobs(db: Kysely<Tables>, owner: UserId): Promise<TreeJob[]> {
  const jobs = db.selectFrom('tree_jobs').where('owner_id', '=', owner).where('kind', '!=', 'delete-user');
  await db
    .updateTable('tree_jobs')
    .set({ kind: 'delete', source_id: null })
    .where('owner_id', '=', owner)
    .where('kind', '=', 'copy')
    .execute();
  return jobs.select(['id', 'kind', 'owner_id', 'root_id']).execute();
}

/** Whether a user is being deleted, with all files and folders. */
export async function isBeingDeleted(db: Kysely<Tables>, owner: UserId): Promise<boolean> {
  const jobs = db.selectFrom('tree_jobs').select('id').where('owner_id', '=', owner).where('kind', '=', 'delete-user');
  return (await jobs.executeTakeFirst()) !== undefined;
}

/** Lists the folders of a user that are being copied. */
export async function listCopySources(db: Kysely<Tables>, owner: UserId): Promise<ItemId[]> {
  const rows = await db
    .selectFrom('tree_jobs')
    .select('source_id')
    .where('owner_id', '=', owner)
    .where('kind', '=', 'copy')
    .execute();
  return rows.flatMap(({ source_id: id }) => id ?? []);
}

/**
 * Throws `blocked` if `folderId` or one of its parents is being copied. With `orBelow`, also if a folder below it is.
 */
export async function checkNotCopied(
  db: Kysely<Tables>,
  owner: UserId,
  folderId: ItemId,
  { orBelow = false } = {},
): Promise<void> {
  const sources = await listCopySources(db, owner);
  if (sources.length === 0) return;
  const above = await findPath(db, folderId);
  if (above.some(({ id }) => sources.includes(id))) throw beingCopiedError();
  if (!orBelow) return;
  for (const source of sources) {
    if ((await findPath(db, source)).some(({ id }) => id === folderId)) throw beingCopiedError();
  }
}

export function beingCopiedError(): DomainError {
  return new DomainError(
    'blocked',
    'The folder is being copied and cannot be changed until the copy is complete. Try again later.',
    { retryAfterSeconds: 5 },
  );
}
