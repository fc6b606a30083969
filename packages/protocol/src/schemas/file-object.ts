import { type Static, Type } from 'typebox';
import { ItemExtraFields, ItemObjectFields } from './item-object.ts';
import { FileVersionMini, UserMini } from './minis.ts';

const STANDARD = {
  ...ItemObjectFields,
  type: Type.Literal('file'),
  etag: Type.String(),
  sequence_id: Type.String(),
  /** Of the newest version, lower-case hex. */
  sha1: Type.String(),
  file_version: FileVersionMini,
};

/** A file, as it is answered where nothing else is asked for (wire: "Objects"). */
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

/** A file with every field that `fields` can ask for; an answer holds type, id, etag and those asked for. */
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

/** What an upload or a commit answers: `total_count` is 1. */
export const UploadedFiles = Type.Object({ total_count: Type.Integer(), entries: Type.Array(FileObject) });
export type UploadedFiles = Static<typeof UploadedFiles>;

/** What a preflight answers. */
export const UploadUrl = Type.Object({
  upload_url: Type.String(),
  upload_token: Type.Union([Type.String(), Type.Null()]),
});
export type UploadUrl = Static<typeof UploadUrl>;
