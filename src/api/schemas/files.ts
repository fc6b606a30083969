import { type Static, Type } from 'typebox';
import { FolderRef } from './folders.ts';

const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

/** What an upload may say of a file beside its name; dates as RFC 3339. */
const FileTraits = {
  content_created_at: orNull(Type.String()),
  content_modified_at: orNull(Type.String()),
  description: orNull(Type.String({ maxLength: 255 })),
};

/** The `attributes` of POST /files/content. */
export const NewFileAttributes = Type.Object({ name: Type.String(), parent: FolderRef, ...FileTraits });

/** The `attributes` of POST /files/:file_id/content: the name stays where none is given. */
export const NewVersionAttributes = Type.Object({ name: orNull(Type.String()), ...FileTraits });
export type NewVersionAttributes = Static<typeof NewVersionAttributes>;

/** OPTIONS /files/content. Some clients do not know the size yet. */
export const PreflightFile = Type.Object({
  name: Type.String(),
  parent: FolderRef,
  size: orNull(Type.Integer({ minimum: 0 })),
});

/** OPTIONS /files/:file_id/content */
export const PreflightVersion = Type.Object({
  name: orNull(Type.String()),
  size: orNull(Type.Integer({ minimum: 0 })),
});
