import { type Static, Type } from 'typebox';

/** Ids of folders are decimal strings; "0" is the root folder. */
export const FolderRef = Type.Object({ id: Type.String({ pattern: '^[0-9]{1,15}$' }) });

/** POST /folders */
export const CreateFolder = Type.Object({ name: Type.String(), parent: FolderRef });
export type CreateFolder = Static<typeof CreateFolder>;
