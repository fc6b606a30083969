import { type Static, Type } from 'typebox';

/** Ids of folders are decimal strings; "0" is the root folder. Box takes numbers too, and its own tests send one. */
export const FolderId = Type.Union([
  Type.String({ pattern: '^[0-9]{1,15}$' }),
  Type.Integer({ minimum: 0, maximum: 999_999_999_999_999 }),
]);

/** The folder that something goes to. */
export const FolderRef = Type.Object({ id: FolderId });

/** POST /folders */
export const CreateFolder = Type.Object({ name: Type.String(), parent: FolderRef });
export type CreateFolder = Static<typeof CreateFolder>;
