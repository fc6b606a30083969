import type { ItemId, UserId } from '@partway/protocol/ids';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { toSafeNumber } from '../database/safe-number.ts';
import type { ItemKind, Tables, UserSpaceRow } from '../database/schema.ts';

/** A counter as it is kept, and as the rows say. */
interface Counter {
  kept: number;
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

/** What a user's versions take, what the open sessions may come to, and how many items there are, kept and counted. */
export async function countedSpace(db: Kysely<Tables>, id: UserId): Promise<{ kept: Space; counted: Space }> {
  const row = await db
    .selectFrom('users')
    .select((user) => [
      'users.space_used',
      'users.space_reserved',
      'users.item_count',
      user
        .selectFrom('items')
        .select((of) => of.fn.countAll().as('folders'))
        .whereRef('items.owner_id', '=', 'users.id')
        .where('items.kind', '=', 'folder')
        .whereRef('items.id', '!=', 'users.root_id')
        .as('folders'),
      user
        .selectFrom('items')
        .innerJoin('versions', 'versions.file_id', 'items.id')
        .select((of) => of.fn.countAll().as('versions'))
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
        .as('arriving'),
    ])
    .where('users.id', '=', id)
    .executeTakeFirstOrThrow();
  return {
    kept: {
      space_used: Number(row.space_used),
      space_reserved: Number(row.space_reserved),
      item_count: Number(row.item_count),
    },
    counted: {
      space_used: toSafeNumber(row.used ?? 0),
      space_reserved: toSafeNumber((row.reserved ?? 0) + (row.arriving ?? 0)),
      item_count: Number(row.folders) + Number(row.versions),
    },
  };
}

/**
 * Items after `after` in the order of their ids, with their counters as kept and as counted, in one statement. Below a
 * folder counts what is in use, or went to the trash together with it.
 */
export async function countedItems(
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
  return rows.map(itemCountOf);
}

function itemCountOf(row: Record<string, unknown>): ItemCount {
  const size = Number(row.size);
  return {
    id: Number(row.id) as ItemId,
    owner: Number(row.owner_id) as UserId,
    kind: row.kind as ItemKind,
    name: String(row.name),
    // A file without a version has no size to hold its own against.
    size: { kept: size, counted: row.bytes_counted === null ? size : toSafeNumber(Number(row.bytes_counted)) },
    child_count: { kept: Number(row.child_count), counted: Number(row.items_counted) },
  };
}

/**
 * The sum of a column, exact up to 2^53: SQLite fails where a sum of integers passes 2^63, whatever row is to blame. What it
 * gives is for `toSafeNumber`; 0 for no rows.
 */
export function sum(column: string): RawBuilder<number> {
  return sql<number>`coalesce(sum(cast(${sql.ref(column)} as double precision)), 0)`;
}
