import type { ItemId, Millis, UserId, VersionId } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { ItemKind, Tables } from '../../database/schema.ts';
import { DomainError } from '../../errors.ts';
import type { FileContext } from '../context.ts';
import { purge } from '../trash.ts';
import { BATCH_ROWS } from '../tree-jobs.ts';
import { purgeFiles, purgeVersions } from './purge-batch.ts';
import { findCutoff } from './trash-retention.ts';

/** Batches per run of the background job. The next run continues. */
const BATCHES_PER_RUN = 1_000;

/** What one run has deleted permanently. */
export interface EmptiedTrash {
  /** Files, and folders with everything in them. */
  items: number;
  /** Past versions that were in the trash, although their files were not. */
  versions: number;
}

/**
 * Permanently deletes what has been in the trash for the whole retention, by the trusted clock. It works in batches, between
 * which other requests run. Whatever is restored or moved to the trash again meanwhile stays. Items that are being copied
 * stay until a later run.
 */
export async function emptyTrash(
  context: FileContext,
  { batches = BATCHES_PER_RUN, signal }: { batches?: number; signal?: AbortSignal } = {},
): Promise<EmptiedTrash> {
  const emptied: EmptiedTrash = { items: 0, versions: 0 };
  const before = findCutoff(context.trashRetention, context.clock);
  if (before === undefined) return emptied;
  let left = batches;
  for await (const due of listBatches((after) => listDueItems(context.db, before, after))) {
    if (left-- <= 0 || signal?.aborted) return emptied;
    emptied.items += await purgeItems(context, due, { before, signal });
  }
  for await (const due of listBatches((after) => listDueVersions(context.db, before, after))) {
    if (left-- <= 0 || signal?.aborted) return emptied;
    for (const [owner, ids] of groupByOwner(due)) {
      emptied.versions += await purgeVersions(context, owner, ids, before);
    }
  }
  return emptied;
}

/** Something in the trash, of which its owner is known. */
interface Due<Id> {
  id: Id;
  owner_id: UserId;
  trashed_at: Millis;
}

/** Files go in batches of one owner, folders one by one, because of what is in them. */
async function purgeItems(
  context: FileContext,
  due: readonly (Due<ItemId> & { kind: ItemKind })[],
  { before, signal }: { before: Millis; signal: AbortSignal | undefined },
): Promise<number> {
  let count = 0;
  for (const [owner, ids] of groupByOwner(due.filter(({ kind }) => kind === 'file'))) {
    const { purged, large } = await purgeFiles(context, owner, ids, before);
    count += purged;
    for (const id of large) count += await purgeOne(context, { kind: 'file', caller: owner, id }, { before, signal });
  }
  for (const { id, owner_id: owner, kind } of due) {
    if (kind === 'folder') count += await purgeOne(context, { kind, caller: owner, id }, { before, signal });
  }
  return count;
}

/** Purges an item, unless it has been restored meanwhile or is being copied. Returns how many were purged. */
async function purgeOne(...purgeArguments: Parameters<typeof purge>): Promise<0 | 1> {
  try {
    await purge(...purgeArguments);
    return 1;
  } catch (error) {
    if (error instanceof DomainError && error.isRejection) return 0;
    throw error;
  }
}

type Position = { trashed_at: Millis; id: number };

/** Each page starts after the last one, so that nothing that cannot be purged now is listed twice. */
async function* listBatches<Row extends Position>(
  list: (after: Position) => Promise<Row[]>,
): AsyncGenerator<readonly Row[]> {
  for (let after: Position = { trashed_at: -1, id: -1 }; ; ) {
    const page = await list(after);
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < BATCH_ROWS) return;
    after = last;
  }
}

function listDueItems(db: Kysely<Tables>, before: Millis, after: Position) {
  return db
    .selectFrom('items')
    .select(['id', 'kind', 'owner_id'])
    .select((row) => row.ref('trashed_at').$notNull().as('trashed_at'))
    .whereRef('trashed_with', '=', 'id')
    .where('trashed_at', '<=', before)
    .where(sql<boolean>`(trashed_at, id) > (${after.trashed_at}, ${after.id})`)
    .orderBy('trashed_at')
    .orderBy('id')
    .limit(BATCH_ROWS)
    .execute();
}

function listDueVersions(db: Kysely<Tables>, before: Millis, after: Position): Promise<Due<VersionId>[]> {
  return db
    .selectFrom('versions')
    .innerJoin('items', 'items.id', 'versions.file_id')
    .select(['versions.id', 'items.owner_id'])
    .select((row) => row.ref('versions.trashed_at').$notNull().as('trashed_at'))
    .where('versions.trashed_at', '<=', before)
    .where(sql<boolean>`(versions.trashed_at, versions.id) > (${after.trashed_at}, ${after.id})`)
    .orderBy('versions.trashed_at')
    .orderBy('versions.id')
    .limit(BATCH_ROWS)
    .execute();
}

function groupByOwner<Id>(due: readonly Due<Id>[]): Map<UserId, Id[]> {
  const groups = new Map<UserId, Id[]>();
  for (const { owner_id: owner, id } of due) groups.set(owner, [...(groups.get(owner) ?? []), id]);
  return groups;
}
