import type { SelectQueryBuilder } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';
import { type ItemOrder, inOrder, isBehind, type Marker, markerAt, type SortColumn } from './item-order.ts';

/** A list: which items, by which columns they can be ordered. */
export interface ItemList {
  items: SelectQueryBuilder<Tables, 'items', ItemRow>;
  columns: Record<ItemOrder['by'], SortColumn>;
}

/** Rows `offset` to `offset + limit - 1`. Folders and files are walked one after the other, each along an index. */
export async function pageByOffset(
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
export async function pageByMarker(
  { items, columns }: ItemList,
  { marker, order, limit }: { marker: Marker | undefined; order: ItemOrder; limit: number },
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
  const after = (item: ItemRow) => markerAt(item, column, { by, direction });
  return { rows: found.slice(0, limit), more: found.length > limit, after };
}

/** Rows of a page, and how to go on after any of them. */
interface FoundPage {
  rows: ItemRow[];
  /** Whether other items follow. */
  more: boolean;
  after: (item: ItemRow) => Marker;
}

/** Entries of a page, of which an answer may show fewer. */
export interface MarkedPage<Entry> {
  entries: Entry[];
  /** The place after the last entry; undefined at the end of the list. */
  next: Marker | undefined;
  /** The place after any of them. */
  after: (entry: Entry) => Marker;
}

/** The page with what was read of its rows, or of the first of them. */
export function pageAfter<Entry extends { item: ItemRow }>(
  { rows, more, after }: FoundPage,
  entries: Entry[],
): MarkedPage<Entry> {
  const last = entries.at(-1)?.item ?? rows.at(-1);
  const isWhole = !more && last?.id === rows.at(-1)?.id;
  return { entries, next: isWhole || last === undefined ? undefined : after(last), after: ({ item }) => after(item) };
}
