import { type Static, Type } from 'typebox';

/**
 * Schemas shared by requests. JSON bodies, the attributes of an upload and those of a commit all use them, so that the
 * same limits apply everywhere.
 */

export const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

/** The name of a file or folder (`itemNameFault`). */
export const ItemName = Type.String({ format: 'item-name' });

/** The description of a file or folder; Box's limit, in code points. */
export const Description = Type.String({ maxLength: 256 });

/** A date that a client sends (`parseWireDate`). */
export const WireDate = Type.String({ format: 'wire-date' });

/** Bytes. */
export const ByteCount = Type.Integer({ minimum: 0 });

/** A decimal string; "0" is the root folder. Box also accepts numbers, and its own tests send one. */
export const FolderId = Type.Union([
  Type.String({ pattern: '^[0-9]{1,15}$' }),
  Type.Integer({ minimum: 0, maximum: 999_999_999_999_999 }),
]);

/** A destination folder. */
export const FolderRef = Type.Object({ id: FolderId });

/** The ID of a version. An invalid ID gets the same error as one that does not exist, so there is no pattern. */
export const VersionIdText = Type.String({ maxLength: 64 });

/** The tags of a file or folder; Box's limits. */
export const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 100 });

/** A string with one of these values. */
export function literalUnion<const Word extends string>(...words: Word[]) {
  return Type.Unsafe<Word>({ type: 'string', enum: words });
}

/** Short forms of objects within other objects. Digests are lowercase hex, dates are RFC 3339. */

export const UserMini = Type.Object({
  type: Type.Literal('user'),
  id: Type.String(),
  name: Type.String(),
  login: Type.String(),
});
export type UserMini = Static<typeof UserMini>;

/** The root folder ("0") and the trash ("1") have neither an etag nor a sequence_id. */
export const FolderMini = Type.Object({
  type: Type.Literal('folder'),
  id: Type.String(),
  sequence_id: orNull(Type.String()),
  etag: orNull(Type.String()),
  name: Type.String(),
});
export type FolderMini = Static<typeof FolderMini>;

export const FileVersionMini = Type.Object({
  type: Type.Literal('file_version'),
  id: Type.String(),
  sha1: Type.String(),
});
export type FileVersionMini = Static<typeof FileVersionMini>;
