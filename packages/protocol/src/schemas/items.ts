import { type Static, Type } from 'typebox';
import { Description, FolderId, FolderMini, FolderRef, ItemName, orNull, Tags, UserMini } from './concepts.ts';
import { refused } from './field-notes.ts';

/** Fields of PUT that files and folders share. */
export const ItemUpdateFields = {
  name: orNull(ItemName),
  description: orNull(Description),
  parent: orNull(
    Type.Object({ ...FolderRef.properties, user_id: refused('files and folders cannot change their owner') }),
  ),
  tags: orNull(Tags),
  shared_link: refused('shared links are not supported'),
  collections: refused('collections are not supported', { accepts: [[]] }),
};

const ItemUpdate = Type.Object(ItemUpdateFields);
export type ItemUpdate = Static<typeof ItemUpdate>;

/** POST /folders/:folder_id/copy */
export const CopyItem = Type.Object({ name: orNull(ItemName), parent: FolderRef });
export type CopyItem = Static<typeof CopyItem>;

/** POST /files/:file_id and /folders/:folder_id: restores an item from the trash. */
export const RestoreItem = Type.Object({
  name: orNull(ItemName),
  parent: orNull(Type.Object({ id: orNull(FolderId) })),
});
export type RestoreItem = Static<typeof RestoreItem>;

const NullableDate = Type.Union([Type.String(), Type.Null()]);

/** Standard fields that files and folders share. Dates are RFC 3339 without a fraction. */
export const ItemObjectFields = {
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  /** Bytes; for a folder, the total of everything in it. */
  size: Type.Integer(),
  /** The folders above the item, starting with the root folder. */
  path_collection: Type.Object({ total_count: Type.Integer(), entries: Type.Array(FolderMini) }),
  created_at: NullableDate,
  modified_at: NullableDate,
  trashed_at: NullableDate,
  purged_at: NullableDate,
  content_created_at: NullableDate,
  content_modified_at: NullableDate,
  created_by: UserMini,
  modified_by: UserMini,
  owned_by: UserMini,
  shared_link: Type.Union([Type.Object({}), Type.Null()]),
  parent: Type.Union([FolderMini, Type.Null()]),
  item_status: Type.Union([Type.Literal('active'), Type.Literal('trashed'), Type.Literal('deleted')]),
};

/** Fields of files and folders that are returned only if `fields` requests them. */
export const ItemExtraFields = {
  permissions: Type.Record(Type.String(), Type.Boolean()),
  tags: Type.Array(Type.String()),
  has_collaborations: Type.Boolean(),
  is_externally_owned: Type.Boolean(),
};
