import type { ItemId } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { inBatches } from '../util/chunks.ts';
import { type FileEntry, type FolderEntry, findPath, findUsers, type PathFolder } from './find.ts';
import { findVersions } from './versions.ts';

export type Listed = FileEntry | FolderEntry;

/** What an answer shows of the items of a page. What it does not show is not read. */
export interface RequestedFields {
  description: boolean;
  details: boolean;
  /** The folders above; of items in the trash only the one that each was in. */
  path: boolean;
  users: boolean;
}

export const ALL_FIELDS: RequestedFields = { description: true, details: true, path: true, users: true };

/** A page of one folder's items, or of the trash if there is no folder. */
export interface PageToList {
  folderId?: ItemId;
  show?: RequestedFields | undefined;
  /** Bytes of descriptions and details that the page may have. It has one item at least, and those after end it earlier. */
  wideBytes?: number | undefined;
}

type Wide = Pick<ItemRow, 'description' | 'details'>;

/** Every column but those that may be long, in whose place there is nothing. */
export function narrowItems(db: Kysely<Tables>) {
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

/** A page of items with all that its answer shows of each; those of one folder share its path. May end before its last row. */
export async function listedItems(
  db: Kysely<Tables>,
  rows: readonly ItemRow[],
  { folderId, show = ALL_FIELDS, wideBytes = Number.POSITIVE_INFINITY }: PageToList = {},
): Promise<Listed[]> {
  if (rows.length === 0) return [];
  const items = show.description || show.details ? await withWideColumns(db, rows, show, wideBytes) : rows;
  const users = show.users ? await findUsers(db, items) : new Map();
  const versions = await findVersions(db, items);
  const pathOf = show.path ? await pathsOf(db, items, folderId) : () => [];
  return items.flatMap((item): Listed[] => {
    const path = pathOf(item);
    if (item.kind === 'folder') return [{ item, path, users }];
    const version = versions.get(item.id);
    return version === undefined ? [] : [{ item, path, users, version }];
  });
}

async function pathsOf(
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

/** The first rows, with the columns that may be long: as many as the bytes allow, which are asked for before they are read. */
async function withWideColumns(
  db: Kysely<Tables>,
  rows: readonly ItemRow[],
  show: RequestedFields,
  most: number,
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
  const bytesOf = new Map(
    lengths.map(({ id, description, details }) => [
      id,
      (show.description ? Number(description) : 0) + (show.details ? Number(details) : 0),
    ]),
  );
  const first: ItemRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += bytesOf.get(row.id) ?? 0;
    if (bytes > most && first.length > 0) break;
    first.push(row);
  }
  const texts = await wideColumns(
    db,
    first.filter(({ id }) => (bytesOf.get(id) ?? 0) > 0).map(({ id }) => id),
    show,
  );
  return first.map((row) => ({ ...row, ...texts.get(row.id) }));
}

async function wideColumns(
  db: Kysely<Tables>,
  ids: readonly ItemId[],
  show: RequestedFields,
): Promise<Map<ItemId, Partial<Wide>>> {
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
