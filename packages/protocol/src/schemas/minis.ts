import { type Static, Type } from 'typebox';
import { orNull } from './concepts.ts';

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
