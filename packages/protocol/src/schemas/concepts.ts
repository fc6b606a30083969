import { type Static, Type } from 'typebox';

/**
 * The schema of each concept, once. A body, the attributes of an upload and those of a commit all take their fields from
 * here, so that none of them has a limit that another lacks.
 */

export const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

/** The name of a file or folder (src/api/item-name.ts). */
export const ItemName = Type.String({ format: 'item-name' });

/** What is said of a file or folder; Box's limit, in code points. */
export const Description = Type.String({ maxLength: 256 });

/** A date that a client sends (src/api/wire-date.ts); `dateOf` reads it. */
export const WireDate = Type.String({ format: 'wire-date' });

/** Bytes. */
export const ByteCount = Type.Integer({ minimum: 0 });

/** Ids of folders are decimal strings; "0" is the root folder. Box takes numbers too, and its own tests send one. */
export const FolderId = Type.Union([
  Type.String({ pattern: '^[0-9]{1,15}$' }),
  Type.Integer({ minimum: 0, maximum: 999_999_999_999_999 }),
]);

/** The folder that something goes to. */
export const FolderRef = Type.Object({ id: FolderId });

/** The id of a version. What cannot be one is as unknown as one that nobody has, and no fault of the body's form. */
export const VersionIdText = Type.String({ maxLength: 64 });

/** Tags of a file or folder: as many as Box takes. */
export const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 100 });

/** One of these words. */
export function literalUnion<const Word extends string>(...words: Word[]) {
  return Type.Unsafe<Word>({ type: 'string', enum: words });
}

/** What objects hold of others: just enough to name them. Digests are lower-case hex, dates RFC 3339. */

export const UserMini = Type.Object({
  type: Type.Literal('user'),
  id: Type.String(),
  name: Type.String(),
  login: Type.String(),
});
export type UserMini = Static<typeof UserMini>;

/** The root folder, "0", has neither an etag nor a sequence_id, and so has the trash, "1". */
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
