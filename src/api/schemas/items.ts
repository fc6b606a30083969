import { type Static, Type } from 'typebox';
import { FolderId, FolderRef } from './folders.ts';

export const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

export const Description = Type.String({ maxLength: 256 });

/** What PUT of a file and of a folder take alike. Clients may send more, which has no meaning here. */
export const ItemUpdateFields = {
  name: orNull(Type.String()),
  description: orNull(Description),
  parent: orNull(FolderRef),
  shared_link: Type.Optional(Type.Unknown()),
};

/** PUT /folders/:folder_id */
export const ItemUpdate = Type.Object(ItemUpdateFields);
export type ItemUpdate = Static<typeof ItemUpdate>;

/** POST /folders/:folder_id/copy */
export const CopyItem = Type.Object({ name: orNull(Type.String()), parent: FolderRef });
export type CopyItem = Static<typeof CopyItem>;

/** POST /files/:file_id and /folders/:folder_id: out of the trash. */
export const RestoreItem = Type.Object({
  name: orNull(Type.String()),
  parent: orNull(Type.Object({ id: orNull(FolderId) })),
});
export type RestoreItem = Static<typeof RestoreItem>;
