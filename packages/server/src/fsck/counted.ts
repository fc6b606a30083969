import type { ItemId, UserId } from '@partway/protocol/ids';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { toSafeNumber } from '../database/safe-number.ts';
import type { ItemKind, Tables, UserSpaceRow } from '../database/schema.ts';

/** A stored counter, and its correct value, counted from the rows. */
interface Counter {
  stored: number;
  counted: number;
}

export interface ItemCount {
  id: ItemId;
  owner: UserId;
  kind: ItemKind;
  name: string;
  size: Counter;
  child_count: Counter;
}

type Space = Pick<UserSpaceRow, 'space_used' | 'space_reserved' | 'item_count'>;

/** Counts a user's used space, reserved space and items, and returns these with the stored counters. */
export async function countSpace(db: Kysely<Tables>, id: UserId): Promise<{ stored: Space; counted: Space }> {
  const row = await db
    .selectFrom('users')
    .select((user) => [
      'users.space_used',
      'users.space_reserved',
      'users.item_count',
      user
        .selectFrom('items')
        .select((count) => count.fn.countAll().as('folders'))
        .whereRef('items.owner_id', '=', 'users.id')
        .where('items.kind', '=', 'folder')
        .whereRef('items.id', '!=', 'users.root_id')
        .as('folders'),
      user
        .selectFrom('items')
        .innerJoin('versions', 'versions.file_id', 'items.id')
        .select((count) => count.fn.countAll().as('versions'))
        .whereRef('items.owner_id', '=', 'users.id')
        .as('versions'),
      user
        .selectFrom('items')
        .innerJoin('versions', 'versions.file_id', 'items.id')
        .select(sum('versions.size').as('bytes'))
        .whereRef('items.owner_id', '=', 'users.id')
        .as('used'),
      user
        .selectFrom('upload_sessions')
        .select(sum('file_size').as('bytes'))
        .whereRef('upload_sessions.owner_id', '=', 'users.id')
        .where('state', '=', 'open')
        .as('reserved'),
      user
        .selectFrom('unreferenced_blobs')
        .select(sum('reserved').as('bytes'))
        .whereRef('unreferenced_blobs.owner_id', '=', 'users.id')
        .as('direct_uploads'),
    ])
    .where('users.id', '=', id)
    .executeTakeFirstOrThrow();
  return {
    stored: {
      space_used: Number(row.space_used),
      space_reserved: Number(row.space_reserved),
      item_count: Number(row.item_count),
    },
    counted: {
      space_used: toSafeNumber(row.used ?? 0),
      space_reserved: toSafeNumber((row.reserved ?? 0) + (row.direct_uploads ?? 0)),
      item_count: Number(row.folders) + Number(row.versions),
    },
  };
}

/**
 * Counts the items after `after`, by ID, and returns their stored and counted values, in one statement. An item in a folder
 * counts if it is not in the trash, or was trashed with the folder.
 */
export async function countItems(
  db: Kysely<Tables>,
  { after, limit }: { after: ItemId; limit: number },
): Promise<ItemCount[]> {
  const { rows } = await sql<Record<string, unknown>>`
    select items.id, items.owner_id, items.kind, items.name, items.size, items.child_count,
      case when items.kind = 'file' then 0 else
        (select count(*) from items as c
         where c.parent_id = items.id and (c.trashed_with is null or c.trashed_with <> c.id)) end as items_counted,
      case when items.kind = 'file' then
        (select versions.size from versions where versions.id = items.version_id) else
        (with recursive below(id, bytes) as (
           select c.id, case when c.kind = 'file' then coalesce(v.size, 0) else 0 end
           from items as c left join versions as v on v.id = c.version_id
           where c.parent_id = items.id and (c.trashed_with is null or c.trashed_with <> c.id)
           union all
           select c.id, case when c.kind = 'file' then coalesce(v.size, 0) else 0 end
           from below join items as c on c.parent_id = below.id left join versions as v on v.id = c.version_id
           where c.trashed_with is null or c.trashed_with <> c.id)
         select ${sum('bytes')} from below) end as bytes_counted
    from items where items.id > ${after} order by items.id limit ${limit}`.execute(db);
  return rows.map(toItemCount);
}

function toItemCount(row: Record<string, unknown>): ItemCount {
  const size = Number(row.size);
  return {
    id: Number(row.id) as ItemId,
    owner: Number(row.owner_id) as UserId,
    kind: row.kind as ItemKind,
    name: String(row.name),
    // A file without a version has no other size to compare with.
    size: { stored: size, counted: row.bytes_counted === null ? size : toSafeNumber(Number(row.bytes_counted)) },
    child_count: { stored: Number(row.child_count), counted: Number(row.items_counted) },
  };
}

/**
 * Sums a column, exactly up to 2^53. SQLite's own sum of integers fails beyond 2^63, which one wrong row can cause. Pass the
 * result to `toSafeNumber`; it is 0 if there are no rows.
 */
export function sum(column: string): RawBuilder<number> {
  return sql<number>`coalesce(sum(cast(${sql.ref(column)} as double precision)), 0)`;
}
