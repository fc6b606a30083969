import { type Static, Type } from 'typebox';
import { FileVersionMini, FolderMini, orNull } from './concepts.ts';

const Order = Type.Array(Type.Object({ by: Type.String(), direction: Type.String() }));

/** A file in a list that was requested without `fields`. */
export const ListedFile = Type.Object({
  type: Type.Literal('file'),
  id: Type.String(),
  file_version: FileVersionMini,
  sequence_id: Type.String(),
  etag: Type.String(),
  sha1: Type.String(),
  name: Type.String(),
  item_status: Type.String(),
});
export type ListedFile = Static<typeof ListedFile>;

/** A folder in a list that was requested without `fields`. */
export const ListedFolder = Type.Object({ ...FolderMini.properties, item_status: Type.String() });
export type ListedFolder = Static<typeof ListedFolder>;

/** A page by offset has a total_count. A page by marker has a next_marker, except for the last one. */
export const PAGE_FIELDS = {
  total_count: Type.Optional(Type.Integer()),
  offset: Type.Optional(Type.Integer()),
  limit: Type.Integer(),
  next_marker: orNull(Type.String()),
  order: Type.Optional(Order),
};

/** GET /folders/:id/items, GET /folders/trash/items */
export const ItemList = Type.Object({
  ...PAGE_FIELDS,
  entries: Type.Array(Type.Union([ListedFile, ListedFolder])),
});
export type ItemList = Static<typeof ItemList>;
