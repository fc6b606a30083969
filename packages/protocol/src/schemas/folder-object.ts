import { type Static, Type } from 'typebox';
import { ItemList } from './item-list.ts';
import { ItemExtraFields, ItemObjectFields } from './item-object.ts';

const STANDARD = {
  ...ItemObjectFields,
  type: Type.Literal('folder'),
  /** Null of the root folder. */
  etag: Type.Union([Type.String(), Type.Null()]),
  sequence_id: Type.Union([Type.String(), Type.Null()]),
  folder_upload_email: Type.Union([Type.Object({}), Type.Null()]),
  /** The first page of what it holds; not of a folder in the trash. */
  item_collection: Type.Optional(ItemList),
};

/** A folder, as it is answered where nothing else is asked for (wire: "Objects"). */
export const FolderObject = Type.Object(STANDARD);
export type FolderObject = Static<typeof FolderObject>;

/** A folder with every field that `fields` can ask for; an answer holds type, id, etag and those asked for. */
export const FolderWithAllFields = Type.Object({
  ...STANDARD,
  ...ItemExtraFields,
  sync_state: Type.String(),
  can_non_owners_invite: Type.Boolean(),
});
export type FolderWithAllFields = Static<typeof FolderWithAllFields>;
