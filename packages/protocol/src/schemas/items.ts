import { type Static, Type } from 'typebox';
import { Description, FolderId, FolderMini, FolderRef, ItemName, orNull, Tags, UserMini } from './concepts.ts';
import { refused } from './field-notes.ts';

/** What PUT of a file and of a folder take alike. */
export const ItemUpdateFields = {
  name: orNull(ItemName),
  description: orNull(Description),
  parent: orNull(
    Type.Object({ ...FolderRef.properties, user_id: refused('files and folders stay with their owner here') }),
  ),
  tags: orNull(Tags),
  shared_link: refused('this server makes no shared links'),
  collections: refused('this server keeps no collections', { accepts: [[]] }),
};

/** What a change of a file and of a folder says alike. */
const ItemUpdate = Type.Object(ItemUpdateFields);
export type ItemUpdate = Static<typeof ItemUpdate>;

/** POST /folders/:folder_id/copy */
export const CopyItem = Type.Object({ name: orNull(ItemName), parent: FolderRef });
export type CopyItem = Static<typeof CopyItem>;

/** POST /files/:file_id and /folders/:folder_id: out of the trash. */
export const RestoreItem = Type.Object({
  name: orNull(ItemName),
  parent: orNull(Type.Object({ id: orNull(FolderId) })),
});
export type RestoreItem = Static<typeof RestoreItem>;

const NullableDate = Type.Union([Type.String(), Type.Null()]);

/** What the standard objects of files and folders have alike. Dates are RFC 3339 without a fraction. */
export const ItemObjectFields = {
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  /** Bytes; of a folder, with all that is below it. */
  size: Type.Integer(),
  /** The folders above it, the root first. */
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

/** What comes only where `fields` asks for it, of files and folders alike. */
export const ItemExtraFields = {
  permissions: Type.Record(Type.String(), Type.Boolean()),
  tags: Type.Array(Type.String()),
  has_collaborations: Type.Boolean(),
  is_externally_owned: Type.Boolean(),
};
