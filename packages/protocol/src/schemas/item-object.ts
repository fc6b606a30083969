import { Type } from 'typebox';
import { FolderMini, UserMini } from './minis.ts';

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
