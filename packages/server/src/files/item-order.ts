import type { ItemId } from '@partway/protocol/ids';
import { type Expression, type ExpressionBuilder, type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';

export type SortBy = 'name' | 'id' | 'date' | 'size';
export type Direction = 'asc' | 'desc';

/** How a list is ordered: folders first always, then by this. */
export interface ItemOrder {
  by: SortBy;
  direction: Direction;
}

/** After which item a page begins, in an order. Plain data, which goes out and comes back as the wire's `marker`. */
export interface Marker extends ItemOrder {
  kind: ItemKind;
  key: string | number;
  id: ItemId;
}

export type SortColumn = 'name_key' | 'id' | 'modified_at' | 'size' | 'trashed_at';
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
export const TRASH_COLUMNS: Record<SortBy, SortColumn> = { ...FOLDER_COLUMNS, date: 'trashed_at' };

/** Rows of one kind in this order; the id settles what is equal. One walk along an index. */
export function inOrder(query: ItemQuery, kind: ItemKind, column: SortColumn, direction: Direction): ItemQuery {
  const ordered = query.where('kind', '=', kind).orderBy(column, direction);
  return column === 'id' ? ordered : ordered.orderBy('id', direction);
}

/** The rows that come behind the marker, of its kind. */
export function isBehind({ key, id, direction }: Marker, column: SortColumn) {
  const beyond = sql.raw(direction === 'asc' ? '>' : '<');
  return ({ ref }: ExpressionBuilder<Tables, 'items'>): Expression<SqlBool> =>
    column === 'id'
      ? sql<SqlBool>`${ref('id')} ${beyond} ${id}`
      : sql<SqlBool>`(${ref(column)}, ${ref('id')}) ${beyond} (${key}, ${id})`;
}

export function markerAt(item: ItemRow, column: SortColumn, order: ItemOrder): Marker {
  return { ...order, kind: item.kind, key: item[column] ?? 0, id: item.id };
}
