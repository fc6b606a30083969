import { type Static, Type } from 'typebox';
import { ByteCount, Description, FolderRef, ItemName, orNull, Tags, VersionIdText, WireDate } from './concepts.ts';
import { refused } from './field-notes.ts';
import { ItemUpdateFields } from './items.ts';

/** What a client may say of a file's content; dates as RFC 3339. */
const ContentDates = {
  content_created_at: orNull(WireDate),
  content_modified_at: orNull(WireDate),
};

/** What an upload may say of a file beside its name: attributes of a body and of a commit. */
export const FileTraitFields = { ...ContentDates, description: orNull(Description), tags: orNull(Tags) };

export const FileTraits = Type.Object(FileTraitFields);
export type FileTraits = Static<typeof FileTraits>;

/** The `attributes` of POST /files/content. */
export const NewFileAttributes = Type.Object({ name: ItemName, parent: FolderRef, ...FileTraitFields });
export type NewFileAttributes = Static<typeof NewFileAttributes>;

/** The `attributes` of POST /files/:file_id/content: the name stays where none is given. */
export const NewVersionAttributes = Type.Object({ name: orNull(ItemName), ...FileTraitFields });
export type NewVersionAttributes = Static<typeof NewVersionAttributes>;

/** OPTIONS /files/content. Some clients do not know the size yet. */
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
  disposition_at: refused('this server has no retention policies'),
  permissions: refused('files are not shared here, so that there is nobody whose downloads it could allow', {
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

/** PUT /files/:file_id/versions/:version_id takes a version out of the trash, and nothing else. */
export const RestoreVersion = Type.Object({ trashed_at: Type.Null() });
