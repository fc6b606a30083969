import { type Static, Type } from 'typebox';
import { FolderRef } from './folders.ts';
import { Description, ItemUpdateFields, orNull } from './items.ts';

/** What a client may say of a file's content; dates as RFC 3339. */
const ContentDates = {
  content_created_at: orNull(Type.String()),
  content_modified_at: orNull(Type.String()),
};

/** What an upload may say of a file beside its name. */
const FileTraits = { ...ContentDates, description: orNull(Description) };

/** The `attributes` of POST /files/content. */
export const NewFileAttributes = Type.Object({ name: Type.String(), parent: FolderRef, ...FileTraits });
export type NewFileAttributes = Static<typeof NewFileAttributes>;

/** The `attributes` of POST /files/:file_id/content: the name stays where none is given. */
export const NewVersionAttributes = Type.Object({ name: orNull(Type.String()), ...FileTraits });
export type NewVersionAttributes = Static<typeof NewVersionAttributes>;

/** OPTIONS /files/content. Some clients do not know the size yet. */
export const PreflightFile = Type.Object({
  name: Type.String(),
  parent: FolderRef,
  size: orNull(Type.Integer({ minimum: 0 })),
});
export type PreflightFile = Static<typeof PreflightFile>;

/** OPTIONS /files/:file_id/content */
export const PreflightVersion = Type.Object({
  name: orNull(Type.String()),
  size: orNull(Type.Integer({ minimum: 0 })),
});
export type PreflightVersion = Static<typeof PreflightVersion>;

/** PUT /files/:file_id */
export const UpdateFile = Type.Object({
  ...ItemUpdateFields,
  ...ContentDates,
  lock: orNull(Type.Object({ expires_at: orNull(Type.String()), is_download_prevented: orNull(Type.Boolean()) })),
});
export type UpdateFile = Static<typeof UpdateFile>;

/** POST /files/:file_id/copy */
export const CopyFile = Type.Object({ name: orNull(Type.String()), parent: FolderRef, version: orNull(Type.String()) });
export type CopyFile = Static<typeof CopyFile>;

/** POST /files/:file_id/versions/current */
export const PromoteVersion = Type.Object({ id: Type.String() });
export type PromoteVersion = Static<typeof PromoteVersion>;

/** PUT /files/:file_id/versions/:version_id takes a version out of the trash, and nothing else. */
export const RestoreVersion = Type.Object({ trashed_at: Type.Null() });
