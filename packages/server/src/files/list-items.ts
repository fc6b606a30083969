import type { ItemId } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { inBatches } from '../util/batches.ts';
import { type FileEntry, type FolderEntry, findPath, findUsers, type PathFolder } from './find.ts';
import { findVersions } from './versions.ts';

export type ListedItem = FileEntry | FolderEntry;

/** The fields that a response shows of listed items. Other columns and tables are not read. */
export interface RequestedFields {
  description: boolean;
  details: boolean;
  /** The parent folders. For items in the trash, only the folder that each one was in. */
  path: boolean;
  users: boolean;
}

export const ALL_FIELDS: RequestedFields = { description: true, details: true, path: true, users: true };

export interface ListOptions {
  /** The folder that is listed; undefined for the trash. */
  folderId?: ItemId;
  show?: RequestedFields | undefined;
  /** Limit for the bytes of descriptions and details. The page ends early at the limit, but has at least one item. */
  wideBytes?: number | undefined;
}

type WideColumns = Pick<ItemRow, 'description' | 'details'>;

/** Selects all columns except those that can be long, which are empty. */
export function selectNarrowItems(db: Kysely<Tables>) {
  return db
    .selectFrom('items')
    .select([
      'id',
      'kind',
      'owner_id',
      'parent_id',
      'name',
      'name_key',
      'etag',
      'version_id',
      'created_at',
      'modified_at',
    ])
    .select(['content_created_at', 'content_modified_at', 'created_by', 'modified_by', 'trashed_at', 'trashed_with'])
    .select(['child_count', 'size'])
    .select([sql<string>`''`.as('description'), sql<string>`''`.as('details')])
    .$castTo<ItemRow>();
}

/** Loads what a response shows of these rows. Returns fewer items than rows if they exceed `wideBytes`. */
export async function loadListedItems(
  db: Kysely<Tables>,
  rows: readonly ItemRow[],
  { folderId, show = ALL_FIELDS, wideBytes = Number.POSITIVE_INFINITY }: ListOptions = {},
): Promise<ListedItem[]> {
  if (rows.length === 0) return [];
  const items = show.description || show.details ? await addWideColumns(db, rows, show, wideBytes) : rows;
  const users = show.users ? await findUsers(db, items) : new Map();
  const versions = await findVersions(db, items);
  const getPath = show.path ? await loadPaths(db, items, folderId) : () => [];
  return items.flatMap((item): ListedItem[] => {
    const path = getPath(item);
    if (item.kind === 'folder') return [{ item, path, users }];
    const version = versions.get(item.id);
    return version === undefined ? [] : [{ item, path, users, version }];
  });
}

/** Loads the paths of items: one for all if they are in the same folder, otherwise only each item's parent folder. */
async function loadPaths(
  db: Kysely<Tables>,
  items: readonly ItemRow[],
  folderId: ItemId | undefined,
): Promise<(item: ItemRow) => readonly PathFolder[]> {
  if (folderId !== undefined) {
    const path = await findPath(db, folderId);
    return () => path;
  }
  const ids = [...new Set(items.flatMap(({ parent_id: id }) => id ?? []))];
  const folders = await inBatches(ids, (batch) =>
    db.selectFrom('items').select(['id', 'parent_id', 'name', 'etag']).where('id', 'in', batch).execute(),
  );
  const paths = new Map(folders.map((folder) => [folder.id, [folder]]));
  return ({ parent_id: id }) => (id === null ? undefined : paths.get(id)) ?? [];
}

/**
 * Adds the long columns to as many of the rows as `maxBytes` allows. Queries their lengths first, to read no more than
 * that.
 */
async function addWideColumns(
  db: Kysely<Tables>,
  rows: readonly ItemRow[],
  show: RequestedFields,
  maxBytes: number,
): Promise<ItemRow[]> {
  const lengths = await inBatches(
    rows.map(({ id }) => id),
    (batch) =>
      db
        .selectFrom('items')
        .select('id')
        .select(sql<number>`octet_length(description)`.as('description'))
        .select(sql<number>`octet_length(details)`.as('details'))
        .where('id', 'in', batch)
        .execute(),
  );
  const bytesById = new Map(
    lengths.map(({ id, description, details }) => [
      id,
      (show.description ? Number(description) : 0) + (show.details ? Number(details) : 0),
    ]),
  );
  const page: ItemRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += bytesById.get(row.id) ?? 0;
    if (bytes > maxBytes && page.length > 0) break;
    page.push(row);
  }
  const wideColumns = await findWideColumns(
    db,
    page.filter(({ id }) => (bytesById.get(id) ?? 0) > 0).map(({ id }) => id),
    show,
  );
  return page.map((row) => ({ ...row, ...wideColumns.get(row.id) }));
}

async function findWideColumns(
  db: Kysely<Tables>,
  ids: readonly ItemId[],
  show: RequestedFields,
): Promise<Map<ItemId, Partial<WideColumns>>> {
  const rows = await inBatches(ids, (batch) =>
    db
      .selectFrom('items')
      .select('id')
      .$if(show.description, (query) => query.select('description'))
      .$if(show.details, (query) => query.select('details'))
      .where('id', 'in', batch)
      .execute(),
  );
  return new Map(rows.map(({ id, ...wide }) => [id, wide]));
}
