import type { UserId } from '@partway/protocol/ids';
import { type Kysely, type RawBuilder, type SqlBool, sql, type Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { limitReached } from '../limits.ts';
import type { FileContext } from './context.ts';

/** What to add to a user's counters; negative numbers are given back. */
export interface Charge {
  /** Bytes that versions take. */
  used?: number;
  /** Bytes that open upload sessions may come to. */
  reserved?: number;
  /** Folders and versions of files. */
  items?: number;
}

/**
 * Counts bytes and items as a user's. Holds the user's tree, as `lockTree` does. What asks for more than it gives back is
 * held against the quota and the limit of items, in the same statement, so that however many come at once they never
 * pass it together. Refuses `storage_limit_exceeded`.
 */
export async function chargeSpace(
  tx: Transaction<Tables>,
  owner: UserId,
  { used = 0, reserved = 0, items = 0 }: Charge,
  userQuota: number | undefined,
  mostItems = Number.MAX_SAFE_INTEGER,
): Promise<void> {
  const more = used + reserved;
  const { numUpdatedRows } = await tx
    .updateTable('users')
    .set((row) => ({
      space_used: row('space_used', '+', used),
      space_reserved: row('space_reserved', '+', reserved),
      ...(items !== 0 && { item_count: row('item_count', '+', items) }),
    }))
    .where('id', '=', owner)
    .$if(more > 0, (query) => query.where(isWithinQuota(more, userQuota)))
    .$if(items > 0, (query) => query.where('item_count', '<=', mostItems - items))
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return;
  await checkItems(tx, owner, items, mostItems);
  throw storageLimitExceededError(more);
}

/** Refuses `storage_limit_exceeded` if a user has no room for so many items more. */
async function checkItems(tx: Transaction<Tables>, owner: UserId, items: number, most: number): Promise<void> {
  if (items <= 0) return;
  const row = await tx.selectFrom('users').select('item_count').where('id', '=', owner).executeTakeFirst();
  if (row !== undefined && row.item_count > most - items) throw tooManyItemsError(row.item_count, items, most);
}

function storageLimitExceededError(bytes: number): DomainError {
  return new DomainError(
    'quota-exceeded',
    `There is no room for ${bytes} more bytes: delete something for good, end an upload, or ask for more space.`,
  );
}

function tooManyItemsError(has: number, more: number, most: number): DomainError {
  return limitReached(
    'items',
    `A user may have ${most} folders and versions of files, those in the trash included; this one has ${has}, and ` +
      `this request makes ${more} more. Delete something for good, or ask the operator for more.`,
    { item_count: has, items: more, most },
  );
}

/**
 * Whether a user's row leaves room for so many bytes more. A user's own quota goes before the server's; -1 is none, and
 * then the sum still stays below 2^53: beyond it numbers are no longer exact.
 */
function isWithinQuota(bytes: number, userQuota: number | undefined): RawBuilder<SqlBool> {
  // Wider than a bigint, which PostgreSQL refuses to overflow: a row beyond 2^53 has no room, and is no error.
  const taken = sql<number>`(cast(space_used as numeric) + space_reserved)`;
  const quota = sql<number>`coalesce(space_quota, ${userQuota ?? -1})`;
  const most = Number.MAX_SAFE_INTEGER - bytes;
  return sql<SqlBool>`(${taken} <= ${most}
    and (${quota} < 0 or ${taken} + ${bytes} <= ${quota}))`;
}

/** Refuses a size beyond what a file may have here. */
export function checkSize({ maxFileSize }: Pick<FileContext, 'maxFileSize'>, size: number): void {
  if (size <= maxFileSize) return;
  throw new DomainError('file-too-large', `A file may have ${maxFileSize} bytes here, not ${size}.`);
}

interface Space {
  /** Bytes of all versions of all the user's files, also of those in the trash. */
  used: number;
  /** Bytes that open upload sessions may come to. */
  reserved: number;
  /** How many bytes both may be together; undefined for no limit. */
  quota: number | undefined;
}

/** What a user keeps and may keep, from the counters. */
export async function getSpace(db: Kysely<Tables>, owner: UserId, userQuota: number | undefined): Promise<Space> {
  const row = await db
    .selectFrom('users')
    .select(['space_used', 'space_reserved', 'space_quota'])
    .where('id', '=', owner)
    .executeTakeFirstOrThrow();
  const quota = row.space_quota ?? userQuota ?? -1;
  return { used: row.space_used, reserved: row.space_reserved, quota: quota < 0 ? undefined : quota };
}

/**
 * Refuses `storage_limit_exceeded` if there is no room now for so many bytes and items, before anything is done for them. A
 * promise of nothing: `chargeSpace` decides.
 */
export async function checkSpace(
  db: Kysely<Tables>,
  owner: UserId,
  bytes: number,
  userQuota: number | undefined,
  { items = 1, mostItems = Number.MAX_SAFE_INTEGER }: { items?: number; mostItems?: number } = {},
): Promise<void> {
  const row = await db
    .selectFrom('users')
    .select('item_count')
    .select(isWithinQuota(bytes, userQuota).as('has_room'))
    .where('id', '=', owner)
    .executeTakeFirst();
  if (row === undefined || !row.has_room) throw storageLimitExceededError(bytes);
  if (row.item_count + items > mostItems) throw tooManyItemsError(row.item_count, items, mostItems);
}
