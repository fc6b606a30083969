import { type Static, Type } from 'typebox';
import { UserMini } from './concepts.ts';
import { PAGE_FIELDS } from './item-list.ts';

const NullableDate = Type.Union([Type.String(), Type.Null()]);
const NullableUser = Type.Union([UserMini, Type.Null()]);

export const FileVersionObject = Type.Object({
  type: Type.Literal('file_version'),
  id: Type.String(),
  sha1: Type.String(),
  name: Type.String(),
  size: Type.Integer(),
  /** Only if `fields` requests it. */
  version_number: Type.Optional(Type.String()),
  uploader_display_name: Type.String(),
  created_at: Type.String(),
  modified_at: Type.String(),
  modified_by: NullableUser,
  trashed_at: NullableDate,
  trashed_by: NullableUser,
  restored_at: NullableDate,
  restored_by: NullableUser,
  purged_at: NullableDate,
});
export type FileVersionObject = Static<typeof FileVersionObject>;

/** GET /files/:id/versions: past versions, newest first. */
export const FileVersionList = Type.Object({ ...PAGE_FIELDS, entries: Type.Array(FileVersionObject) });
export type FileVersionList = Static<typeof FileVersionList>;
