import { type Static, Type } from 'typebox';
import { FolderRef, ItemName } from './concepts.ts';

/** POST /folders */
export const CreateFolder = Type.Object({ name: ItemName, parent: FolderRef });
export type CreateFolder = Static<typeof CreateFolder>;
