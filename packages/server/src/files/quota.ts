import type { UserId } from '@partway/protocol/ids';
import { type Kysely, type RawBuilder, type SqlBool, sql, type Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { limitReached } from '../limits.ts';
import type { FileContext } from './context.ts';

/** Amounts to add to a user's counters. Negative amounts release what was charged before. */
export interface Charge {
  /** Bytes of file versions. */
  used?: number;
  /** Bytes reserved for uploads in progress. */
  reserved?: number;
  /** Folders and file versions. */
  items?: number;
}

/**
 * Adds to a user's counters, and locks the user's tree as `lockTree` does. If the sum increases, the same statement
 * checks the quota and the limit of items, so that concurrent requests cannot exceed them together. Throws
 * `quota-exceeded`.
 */
export async function chargeSpace(
  tx: Transaction<Tables>,
  owner: UserId,
  { used = 0, reserved = 0, items = 0 }: Charge,
  userQuota: number | undefined,
  maxItems = Number.MAX_SAFE_INTEGER,
): Promise<void> {
  const bytes = used + reserved;
  const { numUpdatedRows } = await tx
    .updateTable('users')
    .set((row) => ({
      space_used: row('space_used', '+', used),
      space_reserved: row('space_reserved', '+', reserved),
      ...(items !== 0 && { item_count: row('item_count', '+', items) }),
    }))
    .where('id', '=', owner)
    .$if(bytes > 0, (query) => query.where(isWithinQuota(bytes, userQuota)))
    .$if(items > 0, (query) => query.where('item_count', '<=', maxItems - items))
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return;
  await checkItems(tx, owner, items, maxItems);
  throw quotaExceededError(bytes);
}

async function checkItems(tx: Transaction<Tables>, owner: UserId, items: number, maxItems: number): Promise<void> {
  const row = await tx.selectFrom('users').select('item_count').where('id', '=', owner).executeTakeFirst();
  if (row !== undefined && row.item_count > maxItems - items) throw tooManyItemsError(row.item_count, items, maxItems);
}

function quotaExceededError(bytes: number): DomainError {
  return new DomainError(
    'quota-exceeded',
    `The quota has no space for ${bytes} more bytes. Empty the trash, abort uploads, or ask for a larger quota.`,
  );
}

function tooManyItemsError(count: number, items: number, maxItems: number): DomainError {
  return limitReached(
    'items',
    `A user can have ${maxItems} folders and file versions, including those in the trash. This user has ${count}, and ` +
      `the request adds ${items}. Empty the trash, or ask the operator for a higher limit.`,
    { item_count: count, items, most: maxItems },
  );
}

/**
 * Whether a user's row has space for more bytes. The user's own quota overrides the server's default; -1 means no
 * limit. The sum stays below 2^53 in any case, because JavaScript's numbers are not exact beyond that.
 */
function isWithinQuota(bytes: number, userQuota: number | undefined): RawBuilder<SqlBool> {
  // Numeric, because PostgreSQL fails if a bigint overflows: a sum beyond the range has to be a full quota, not an
  // error.
  const charged = sql<number>`(cast(space_used as numeric) + space_reserved)`;
  const quota = sql<number>`coalesce(space_quota, ${userQuota ?? -1})`;
  const max = Number.MAX_SAFE_INTEGER - bytes;
  return sql<SqlBool>`(${charged} <= ${max}
    and (${quota} < 0 or ${charged} + ${bytes} <= ${quota}))`;
}

/** Throws `file-too-large` if a file cannot have this size, in bytes. */
export function checkSize({ maxFileSize }: Pick<FileContext, 'maxFileSize'>, size: number): void {
  if (size <= maxFileSize) return;
  throw new DomainError('file-too-large', `The file has ${size} bytes; the maximum is ${maxFileSize}.`);
}

interface Space {
  /** Bytes of all file versions, including those in the trash. */
  used: number;
  /** Bytes reserved for uploads in progress. */
  reserved: number;
  /** The limit of both together, in bytes; undefined for no limit. */
  quota: number | undefined;
}

/** Gets a user's counters and quota. */
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
 * Throws `quota-exceeded` if there is no space now for these bytes and items. An early check that reserves nothing:
 * `chargeSpace` decides.
 */
export async function checkSpace(
  db: Kysely<Tables>,
  owner: UserId,
  bytes: number,
  userQuota: number | undefined,
  { items = 1, maxItems = Number.MAX_SAFE_INTEGER }: { items?: number; maxItems?: number } = {},
): Promise<void> {
  const row = await db
    .selectFrom('users')
    .select('item_count')
    .select(isWithinQuota(bytes, userQuota).as('has_space'))
    .where('id', '=', owner)
    .executeTakeFirst();
  if (row === undefined || !row.has_space) throw quotaExceededError(bytes);
  if (row.item_count + items > maxItems) throw tooManyItemsError(row.item_count, items, maxItems);
}
