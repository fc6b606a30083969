import { type Static, Type } from 'typebox';
import { Description, FolderId, FolderRef, ItemName, orNull } from './concepts.ts';

/** What PUT of a file and of a folder take alike. Clients may send more, which has no meaning here. */
export const ItemUpdateFields = {
  name: orNull(ItemName),
  description: orNull(Description),
  parent: orNull(FolderRef),
  shared_link: Type.Optional(Type.Unknown()),
};

/** PUT /folders/:folder_id */
export const ItemUpdate = Type.Object(ItemUpdateFields);
export type ItemUpdate = Static<typeof ItemUpdate>;

/** POST /folders/:folder_id/copy */
export const CopyItem = Type.Object({ name: orNull(ItemName), parent: FolderRef });
export type CopyItem = Static<typeof CopyItem>;

/** POST /files/:file_id and /folders/:folder_id: out of the trash. */
export const RestoreItem = Type.Object({
  name: orNull(ItemName),
  parent: orNull(Type.Object({ id: orNull(FolderId) })),
});
export type RestoreItem = Static<typeof RestoreItem>;
