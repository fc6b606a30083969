import { type Static, Type } from 'typebox';
import {
  ByteCount,
  Description,
  FileVersionMini,
  FolderRef,
  ItemName,
  orNull,
  Tags,
  UserMini,
  VersionIdText,
  WireDate,
} from './concepts.ts';
import { refused } from './field-notes.ts';
import { ItemExtraFields, ItemObjectFields, ItemUpdateFields } from './items.ts';

const ContentDates = {
  content_created_at: orNull(WireDate),
  content_modified_at: orNull(WireDate),
};

/** Attributes that uploads and commits can set besides the name. */
const FileAttributeFields = { ...ContentDates, description: orNull(Description), tags: orNull(Tags) };

export const FileAttributes = Type.Object(FileAttributeFields);
export type FileAttributes = Static<typeof FileAttributes>;

/** The `attributes` of POST /files/content. */
export const NewFileAttributes = Type.Object({ name: ItemName, parent: FolderRef, ...FileAttributeFields });
export type NewFileAttributes = Static<typeof NewFileAttributes>;

/** The `attributes` of POST /files/:file_id/content. Without a name, the file keeps its name. */
export const NewVersionAttributes = Type.Object({ name: orNull(ItemName), ...FileAttributeFields });
export type NewVersionAttributes = Static<typeof NewVersionAttributes>;

/** OPTIONS /files/content. The size is optional, because some clients do not know it yet. */
export const PreflightFile = Type.Object({
  name: ItemName,
  parent: FolderRef,
  size: orNull(ByteCount),
});
export type PreflightFile = Static<typeof PreflightFile>;

/** OPTIONS /files/:file_id/content */
export const PreflightVersion = Type.Object({
  name: orNull(ItemName),
  size: orNull(ByteCount),
});
export type PreflightVersion = Static<typeof PreflightVersion>;

/** PUT /files/:file_id */
export const UpdateFile = Type.Object({
  ...ItemUpdateFields,
  ...ContentDates,
  lock: orNull(
    Type.Object({
      access: orNull(Type.Literal('lock')),
      expires_at: orNull(WireDate),
      is_download_prevented: orNull(Type.Boolean()),
    }),
  ),
  disposition_at: refused('retention policies are not supported'),
  permissions: refused('sharing is not supported, so there is nobody else whose downloads could be restricted', {
    accepts: [{ can_download: 'open' }],
  }),
});
export type UpdateFile = Static<typeof UpdateFile>;

/** POST /files/:file_id/copy */
export const CopyFile = Type.Object({ name: orNull(ItemName), parent: FolderRef, version: orNull(VersionIdText) });
export type CopyFile = Static<typeof CopyFile>;

/** POST /files/:file_id/versions/current */
export const PromoteVersion = Type.Object({ id: VersionIdText, type: orNull(Type.Literal('file_version')) });
export type PromoteVersion = Static<typeof PromoteVersion>;

/** PUT /files/:file_id/versions/:version_id. It only restores a version from the trash. */
export const RestoreVersion = Type.Object({ trashed_at: Type.Null() });

const STANDARD = {
  ...ItemObjectFields,
  type: Type.Literal('file'),
  etag: Type.String(),
  sequence_id: Type.String(),
  /** Of the current version, in lowercase hex. */
  sha1: Type.String(),
  file_version: FileVersionMini,
};

/** A file as it is returned without `fields`. */
export const FileObject = Type.Object(STANDARD);
export type FileObject = Static<typeof FileObject>;

const Lock = Type.Object({
  type: Type.Literal('lock'),
  id: Type.String(),
  created_by: UserMini,
  created_at: Type.String(),
  expires_at: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  expired_at: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  is_download_prevented: Type.Boolean(),
});

/** A file with every field that `fields` can request. Responses contain type, id, etag and the requested fields. */
export const FileWithAllFields = Type.Object({
  ...STANDARD,
  ...ItemExtraFields,
  extension: Type.String(),
  version_number: Type.String(),
  uploader_display_name: Type.String(),
  lock: Type.Union([Lock, Type.Null()]),
  comment_count: Type.Integer(),
});
export type FileWithAllFields = Static<typeof FileWithAllFields>;

/** The response to an upload or a commit; `total_count` is 1. */
export const UploadedFiles = Type.Object({ total_count: Type.Integer(), entries: Type.Array(FileObject) });
export type UploadedFiles = Static<typeof UploadedFiles>;

/** The response to a preflight request. */
export const UploadUrl = Type.Object({
  upload_url: Type.String(),
  upload_token: Type.Union([Type.String(), Type.Null()]),
});
export type UploadUrl = Static<typeof UploadUrl>;
