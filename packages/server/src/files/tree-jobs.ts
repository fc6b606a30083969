import type { ItemId, Millis, TreeJobId, UserId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { Tables, TreeJobRow } from '../database/schema.ts';
import { newId } from '../database/values.ts';
import { DomainError } from '../errors.ts';
import { findPath } from './find.ts';

/** Rows that one transaction of a long operation writes at most, of each table. */
export const BATCH_ROWS = 200;

/** How long a process may be silent about a tree that it copies or deletes. Each batch renews it. */
const LEASE: Millis = 60_000;

export type TreeJob = Pick<TreeJobRow, 'id' | 'kind' | 'owner_id' | 'root_id'>;

/** Writes down, in a transaction that holds the owner's tree, that a tree is being copied or deleted. */
export async function insertJob(
  tx: Transaction<Tables>,
  job: Pick<TreeJobRow, 'kind' | 'owner_id' | 'root_id'> & { source_id?: ItemId },
  now: Millis,
): Promise<TreeJob> {
  const row = { source_id: null, ...job, id: newId<TreeJobId>(), lease_until: now + LEASE };
  await tx.insertInto('tree_jobs').values(row).execute();
  return row;
}

/** Says that the work on a job goes on; false if the job is over, or is another one by now. */
export async function renewJob(tx: Transaction<Tables>, { id, kind }: TreeJob, now: Millis): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('tree_jobs')
    .set({ lease_until: now + LEASE })
    .where('id', '=', id)
    .where('kind', '=', kind)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Leaves what is left of a job to the sweep, which takes it at once. A copy that is not whole is deleted. */
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
 * Takes a job whose process has not been heard of for its lease, for this process to end; undefined if there is none. Two
 * that ask at once take different ones.
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

/** Takes all trees of a user's that are copied or deleted: their processes stop at their next batch, or are gone. */
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

/** Whether a user is being deleted, with everything that is the user's. */
export async function isBeingDeleted(db: Kysely<Tables>, owner: UserId): Promise<boolean> {
  const jobs = db.selectFrom('tree_jobs').select('id').where('owner_id', '=', owner).where('kind', '=', 'delete-user');
  return (await jobs.executeTakeFirst()) !== undefined;
}

/** The folders of a user's that are being copied. */
export async function listCopySources(db: Kysely<Tables>, owner: UserId): Promise<ItemId[]> {
  const rows = await db
    .selectFrom('tree_jobs')
    .select('source_id')
    .where('owner_id', '=', owner)
    .where('kind', '=', 'copy')
    .execute();
  return rows.flatMap(({ source_id: id }) => id ?? []);
}

/** Refuses `operation_blocked_temporary` if a folder that is being copied is `folderId`, or above or below it. */
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
    'The folder is being copied, and nothing in it changes until that is done: send this again in a moment.',
    { retryAfterSeconds: 5 },
  );
}
