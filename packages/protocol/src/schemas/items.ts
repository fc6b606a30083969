import { type Static, Type } from 'typebox';
import { Description, FolderId, FolderRef, ItemName, orNull, Tags } from './concepts.ts';
import { refused } from './field-notes.ts';

/** What PUT of a file and of a folder take alike. */
export const ItemUpdateFields = {
  name: orNull(ItemName),
  description: orNull(Description),
  parent: orNull(
    Type.Object({ ...FolderRef.properties, user_id: refused('files and folders stay with their owner here') }),
  ),
  tags: orNull(Tags),
  shared_link: refused('this server makes no shared links'),
  collections: refused('this server keeps no collections', { accepts: [[]] }),
};

/** What a change of a file and of a folder says alike. */
const ItemUpdate = Type.Object(ItemUpdateFields);
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
