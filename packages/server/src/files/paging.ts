import type { ItemId, UserId } from '@partway/protocol/ids';
import {
  type Expression,
  type ExpressionBuilder,
  type Kysely,
  type SelectQueryBuilder,
  type SqlBool,
  sql,
} from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';
import { type ListedItem, type ListOptions, loadListedItems, selectNarrowItems } from './list-items.ts';

// Lists show folders before files, each ordered by one column and the ID. Each kind is read with its own query, because
// an index then provides the order.

/** The items of a list, and the column for each order. */
interface ItemList {
  items: SelectQueryBuilder<Tables, 'items', ItemRow>;
  columns: Record<ItemOrder['by'], SortColumn>;
}

async function findPageByOffset(
  { items, columns }: ItemList,
  { by, direction }: ItemOrder,
  { offset, limit }: { offset: number; limit: number },
): Promise<ItemRow[]> {
  const findRows = (kind: ItemKind, from: number, count: number) =>
    sortRows(items, kind, columns[by], direction).offset(from).limit(count).execute();
  const folders = await findRows('folder', offset, limit);
  if (folders.length === limit) return folders;
  const folderCount = folders.length > 0 ? offset + folders.length : await countFolders(items);
  return [...folders, ...(await findRows('file', Math.max(0, offset - folderCount), limit - folders.length))];
}

async function countFolders(items: ItemList['items']): Promise<number> {
  const { count } = await items
    .where('kind', '=', 'folder')
    .clearSelect()
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/**
 * Finds the first `limit` rows, or those after `marker` in its order. Items that are added or removed between two pages
 * do not repeat or hide other items.
 */
async function findPageByMarker(
  { items, columns }: ItemList,
  { marker, order, limit }: { marker: PageCursor | undefined; order: ItemOrder; limit: number },
): Promise<RowPage> {
  const { by, direction } = marker ?? order;
  const column = columns[by];
  const rows: ItemRow[] = [];
  for (const kind of ['folder', 'file'] as const) {
    if (marker?.kind === 'file' && kind === 'folder') continue;
    if (rows.length > limit) break;
    const remaining = marker?.kind === kind ? items.where(isAfter(marker, column)) : items;
    rows.push(
      ...(await sortRows(remaining, kind, column, direction)
        .limit(limit + 1 - rows.length)
        .execute()),
    );
  }
  const cursorAfter = (item: ItemRow) => createCursor(item, column, { by, direction });
  return { rows: rows.slice(0, limit), hasMore: rows.length > limit, cursorAfter };
}

interface RowPage {
  rows: ItemRow[];
  hasMore: boolean;
  cursorAfter: (item: ItemRow) => PageCursor;
}

/** A page of entries. A response can show fewer of them, and continue after the last one that it shows. */
export interface CursorPage<Entry> {
  entries: Entry[];
  /** The cursor after the last entry; undefined at the end of the list. */
  next: PageCursor | undefined;
  /** Returns the cursor after any entry. */
  cursorAfter: (entry: Entry) => PageCursor;
}

/**
 * The page with the entries of its rows. If there are fewer entries than rows, the next page starts after the last
 * entry.
 */
function toCursorPage<Entry extends { item: ItemRow }>(
  { rows, hasMore, cursorAfter }: RowPage,
  entries: Entry[],
): CursorPage<Entry> {
  const last = entries.at(-1)?.item ?? rows.at(-1);
  const isLastPage = !hasMore && last?.id === rows.at(-1)?.id;
  return {
    entries,
    next: isLastPage || last === undefined ? undefined : cursorAfter(last),
    cursorAfter: ({ item }) => cursorAfter(item),
  };
}

export type SortBy = 'name' | 'id' | 'date' | 'size';
export type Direction = 'asc' | 'desc';

/** The order of a list within its folders and within its files. Folders always come first. */
export interface ItemOrder {
  by: SortBy;
  direction: Direction;
}

/** The item after which a page begins, in an order. Clients receive it in encoded form as `next_marker`. */
export interface PageCursor extends ItemOrder {
  kind: ItemKind;
  key: string | number;
  id: ItemId;
}

type SortColumn = 'name_key' | 'id' | 'modified_at' | 'size' | 'trashed_at';
type ItemQuery = SelectQueryBuilder<Tables, 'items', ItemRow>;

export const BY_NAME: ItemOrder = { by: 'name', direction: 'asc' };

/** The sort columns for items of a folder. Each has an index. */
export const FOLDER_COLUMNS: Record<SortBy, SortColumn> = {
  name: 'name_key',
  id: 'id',
  date: 'modified_at',
  size: 'size',
};

/** The sort columns for the trash, where the date is when the item was moved there. Each has an index. */
const TRASH_COLUMNS: Record<SortBy, SortColumn> = { ...FOLDER_COLUMNS, date: 'trashed_at' };

/** Sorts the rows of one kind by a column, and by ID if it is equal. */
function sortRows(query: ItemQuery, kind: ItemKind, column: SortColumn, direction: Direction): ItemQuery {
  const ordered = query.where('kind', '=', kind).orderBy(column, direction);
  return column === 'id' ? ordered : ordered.orderBy('id', direction);
}

/**
 * The condition for rows of the marker's kind that come after it. A row comparison, because "or" would not use the
 * index.
 */
function isAfter({ key, id, direction }: PageCursor, column: SortColumn) {
  const isBeyond = sql.raw(direction === 'asc' ? '>' : '<');
  return ({ ref }: ExpressionBuilder<Tables, 'items'>): Expression<SqlBool> =>
    column === 'id'
      ? sql<SqlBool>`${ref('id')} ${isBeyond} ${id}`
      : sql<SqlBool>`(${ref(column)}, ${ref('id')}) ${isBeyond} (${key}, ${id})`;
}

function createCursor(item: ItemRow, column: SortColumn, order: ItemOrder): PageCursor {
  return { ...order, kind: item.kind, key: item[column] ?? 0, id: item.id };
}

type PageOptions = Pick<ListOptions, 'show' | 'wideBytes'> & { limit: number; order?: ItemOrder };

/** Lists items `offset` to `offset + limit - 1` of a folder. `total` counts all items. */
export async function listByOffset(
  db: Kysely<Tables>,
  folder: ItemRow,
  { offset, limit, order = BY_NAME, ...options }: PageOptions & { offset: number },
): Promise<{ entries: ListedItem[]; total: number }> {
  const rows = await findPageByOffset(folderItems(db, folder.id), order, { offset, limit });
  return { entries: await loadListedItems(db, rows, { ...options, folderId: folder.id }), total: folder.child_count };
}

/** Lists the first `limit` items of a folder, or those after `marker` in its order. */
export async function listByMarker(
  db: Kysely<Tables>,
  folder: ItemRow,
  { marker, limit, order = BY_NAME, ...options }: PageOptions & { marker: PageCursor | undefined },
): Promise<CursorPage<ListedItem>> {
  const page = await findPageByMarker(folderItems(db, folder.id), { marker, order, limit });
  return toCursorPage(page, await loadListedItems(db, page.rows, { ...options, folderId: folder.id }));
}

function folderItems(db: Kysely<Tables>, folderId: ItemId): ItemList {
  const items = selectNarrowItems(db).where('parent_id', '=', folderId).where('trashed_at', 'is', null);
  return { items, columns: FOLDER_COLUMNS };
}

/**
 * Lists items `offset` to `offset + limit - 1` of a user's trash. Items that are there only because a parent folder is
 * are not listed. `total` counts all listed items.
 */
export async function listTrashByOffset(
  db: Kysely<Tables>,
  owner: UserId,
  { offset, limit, order = BY_NAME, ...options }: PageOptions & { offset: number },
): Promise<{ entries: ListedItem[]; total: number }> {
  const trash = trashItems(db, owner);
  const rows = await findPageByOffset(trash, order, { offset, limit });
  const { total } = await trash.items
    .clearSelect()
    .select(({ fn }) => fn.countAll().as('total'))
    .executeTakeFirstOrThrow();
  return { entries: await loadListedItems(db, rows, options), total: Number(total) };
}

/** Lists the first `limit` items of a user's trash, or those after `marker` in its order. */
export async function listTrashByMarker(
  db: Kysely<Tables>,
  owner: UserId,
  { marker, limit, order = BY_NAME, ...options }: PageOptions & { marker: PageCursor | undefined },
): Promise<CursorPage<ListedItem>> {
  const page = await findPageByMarker(trashItems(db, owner), { marker, order, limit });
  return toCursorPage(page, await loadListedItems(db, page.rows, options));
}

function trashItems(db: Kysely<Tables>, owner: UserId): ItemList {
  const items = selectNarrowItems(db).where('owner_id', '=', owner).whereRef('trashed_with', '=', 'id');
  return { items, columns: TRASH_COLUMNS };
}
