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
import { type Listed, listedItems, narrowItems, type PageToList } from './list-items.ts';

/** A list: which items, by which columns they can be ordered. */
interface ItemList {
  items: SelectQueryBuilder<Tables, 'items', ItemRow>;
  columns: Record<ItemOrder['by'], SortColumn>;
}

/** Rows `offset` to `offset + limit - 1`. Folders and files are walked one after the other, each along an index. */
async function pageByOffset(
  { items, columns }: ItemList,
  { by, direction }: ItemOrder,
  { offset, limit }: { offset: number; limit: number },
): Promise<ItemRow[]> {
  const rows = (kind: ItemKind, from: number, count: number) =>
    inOrder(items, kind, columns[by], direction).offset(from).limit(count).execute();
  const folders = await rows('folder', offset, limit);
  if (folders.length === limit) return folders;
  const before = folders.length > 0 ? offset + folders.length : await countFolders(items);
  return [...folders, ...(await rows('file', Math.max(0, offset - before), limit - folders.length))];
}

/** How many folders come before the files: fewer than the offset, or the page would have had some. */
async function countFolders(items: ItemList['items']): Promise<number> {
  const { count } = await items
    .where('kind', '=', 'folder')
    .clearSelect()
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/**
 * The first `limit` rows, or those behind `marker`, in its order; `next` where more follow. What comes and goes meanwhile
 * neither repeats nor hides other items. Two seeks rather than one condition with an "or" in it, which would scan.
 */
async function pageByMarker(
  { items, columns }: ItemList,
  { marker, order, limit }: { marker: PageCursor | undefined; order: ItemOrder; limit: number },
): Promise<FoundPage> {
  const { by, direction } = marker ?? order;
  const column = columns[by];
  const found: ItemRow[] = [];
  for (const kind of ['folder', 'file'] as const) {
    if (marker?.kind === 'file' && kind === 'folder') continue;
    if (found.length > limit) break;
    const after = marker?.kind === kind ? items.where(isBehind(marker, column)) : items;
    found.push(
      ...(await inOrder(after, kind, column, direction)
        .limit(limit + 1 - found.length)
        .execute()),
    );
  }
  const after = (item: ItemRow) => cursorAt(item, column, { by, direction });
  return { rows: found.slice(0, limit), more: found.length > limit, after };
}

/** Rows of a page, and how to go on after any of them. */
interface FoundPage {
  rows: ItemRow[];
  /** Whether other items follow. */
  more: boolean;
  after: (item: ItemRow) => PageCursor;
}

/** Entries of a page, of which an answer may show fewer. */
export interface MarkedPage<Entry> {
  entries: Entry[];
  /** The place after the last entry; undefined at the end of the list. */
  next: PageCursor | undefined;
  /** The place after any of them. */
  after: (entry: Entry) => PageCursor;
}

/** The page with what was read of its rows, or of the first of them. */
function pageAfter<Entry extends { item: ItemRow }>(
  { rows, more, after }: FoundPage,
  entries: Entry[],
): MarkedPage<Entry> {
  const last = entries.at(-1)?.item ?? rows.at(-1);
  const isWhole = !more && last?.id === rows.at(-1)?.id;
  return { entries, next: isWhole || last === undefined ? undefined : after(last), after: ({ item }) => after(item) };
}

export type SortBy = 'name' | 'id' | 'date' | 'size';
export type Direction = 'asc' | 'desc';

/** How a list is ordered: folders first always, then by this. */
export interface ItemOrder {
  by: SortBy;
  direction: Direction;
}

/** After which item a page begins, in an order. Plain data, which goes out and comes back as the wire's `marker`. */
export interface PageCursor extends ItemOrder {
  kind: ItemKind;
  key: string | number;
  id: ItemId;
}

type SortColumn = 'name_key' | 'id' | 'modified_at' | 'size' | 'trashed_at';
type ItemQuery = SelectQueryBuilder<Tables, 'items', ItemRow>;

export const BY_NAME: ItemOrder = { by: 'name', direction: 'asc' };

/** The columns by which the items of a folder are ordered; an index has each. */
export const FOLDER_COLUMNS: Record<SortBy, SortColumn> = {
  name: 'name_key',
  id: 'id',
  date: 'modified_at',
  size: 'size',
};

/** In the trash the date is that of the deletion. Here too an index has each. */
const TRASH_COLUMNS: Record<SortBy, SortColumn> = { ...FOLDER_COLUMNS, date: 'trashed_at' };

/** Rows of one kind in this order; the id settles what is equal. One walk along an index. */
function inOrder(query: ItemQuery, kind: ItemKind, column: SortColumn, direction: Direction): ItemQuery {
  const ordered = query.where('kind', '=', kind).orderBy(column, direction);
  return column === 'id' ? ordered : ordered.orderBy('id', direction);
}

/** The rows that come behind the marker, of its kind. */
function isBehind({ key, id, direction }: PageCursor, column: SortColumn) {
  const beyond = sql.raw(direction === 'asc' ? '>' : '<');
  return ({ ref }: ExpressionBuilder<Tables, 'items'>): Expression<SqlBool> =>
    column === 'id'
      ? sql<SqlBool>`${ref('id')} ${beyond} ${id}`
      : sql<SqlBool>`(${ref(column)}, ${ref('id')}) ${beyond} (${key}, ${id})`;
}

function cursorAt(item: ItemRow, column: SortColumn, order: ItemOrder): PageCursor {
  return { ...order, kind: item.kind, key: item[column] ?? 0, id: item.id };
}

type Page = Pick<PageToList, 'show' | 'wideBytes'> & { limit: number; order?: ItemOrder };

/** Items `offset` to `offset + limit - 1` of a folder, folders first, then by name; and how many there are in all. */
export async function listByOffset(
  db: Kysely<Tables>,
  folder: ItemRow,
  { offset, limit, order = BY_NAME, ...page }: Page & { offset: number },
): Promise<{ entries: Listed[]; total: number }> {
  const rows = await pageByOffset(itemsOf(db, folder.id), order, { offset, limit });
  return { entries: await listedItems(db, rows, { ...page, folderId: folder.id }), total: folder.child_count };
}

/** The first `limit` items of a folder after `marker`, in the marker's order; `next` where more follow. */
export async function listByMarker(
  db: Kysely<Tables>,
  folder: ItemRow,
  { marker, limit, order = BY_NAME, ...page }: Page & { marker: PageCursor | undefined },
): Promise<MarkedPage<Listed>> {
  const found = await pageByMarker(itemsOf(db, folder.id), { marker, order, limit });
  return pageAfter(found, await listedItems(db, found.rows, { ...page, folderId: folder.id }));
}

function itemsOf(db: Kysely<Tables>, folderId: ItemId): ItemList {
  const items = narrowItems(db).where('parent_id', '=', folderId).where('trashed_at', 'is', null);
  return { items, columns: FOLDER_COLUMNS };
}

type TrashPage = Pick<PageToList, 'show' | 'wideBytes'> & { limit: number; order?: ItemOrder };

/** What a user put in the trash, without what went along: items `offset` to `offset + limit - 1`; and how many in all. */
export async function listTrashByOffset(
  db: Kysely<Tables>,
  owner: UserId,
  { offset, limit, order = BY_NAME, ...page }: TrashPage & { offset: number },
): Promise<{ entries: Listed[]; total: number }> {
  const trash = trashOf(db, owner);
  const rows = await pageByOffset(trash, order, { offset, limit });
  const { total } = await trash.items
    .clearSelect()
    .select(({ fn }) => fn.countAll().as('total'))
    .executeTakeFirstOrThrow();
  return { entries: await listedItems(db, rows, page), total: Number(total) };
}

/** The same after `marker`, in its order; `next` where more follow. */
export async function listTrashByMarker(
  db: Kysely<Tables>,
  owner: UserId,
  { marker, limit, order = BY_NAME, ...page }: TrashPage & { marker: PageCursor | undefined },
): Promise<MarkedPage<Listed>> {
  const found = await pageByMarker(trashOf(db, owner), { marker, order, limit });
  return pageAfter(found, await listedItems(db, found.rows, page));
}

function trashOf(db: Kysely<Tables>, owner: UserId): ItemList {
  const items = narrowItems(db).where('owner_id', '=', owner).whereRef('trashed_with', '=', 'id');
  return { items, columns: TRASH_COLUMNS };
}
