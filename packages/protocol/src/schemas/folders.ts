import { type Static, Type } from 'typebox';
import { Description, FolderRef, ItemName, literalUnion, orNull, Tags } from './concepts.ts';
import { refused } from './field-notes.ts';
import { ItemList } from './item-list.ts';
import { ItemExtraFields, ItemObjectFields, ItemUpdateFields } from './items.ts';

/** Stored and returned without effect, because there are no collaborators and no sync clients. */
const FolderSettingFields = {
  folder_upload_email: refused('the server does not receive email'),
  sync_state: orNull(literalUnion('synced', 'not_synced', 'partially_synced')),
  can_non_owners_invite: orNull(Type.Boolean()),
  can_non_owners_view_collaborators: orNull(Type.Boolean()),
  is_collaboration_restricted_to_enterprise: orNull(Type.Boolean()),
};

/** POST /folders. Box does not document `description` and `tags` for it; they are accepted as in PUT. */
export const CreateFolder = Type.Object({
  name: ItemName,
  parent: FolderRef,
  description: orNull(Description),
  tags: orNull(Tags),
  ...FolderSettingFields,
});
export type CreateFolder = Static<typeof CreateFolder>;

/** PUT /folders/:folder_id */
export const UpdateFolder = Type.Object({ ...ItemUpdateFields, ...FolderSettingFields });
export type UpdateFolder = Static<typeof UpdateFolder>;

const STANDARD = {
  ...ItemObjectFields,
  type: Type.Literal('folder'),
  /** Null for the root folder. */
  etag: Type.Union([Type.String(), Type.Null()]),
  sequence_id: Type.Union([Type.String(), Type.Null()]),
  folder_upload_email: Type.Union([Type.Object({}), Type.Null()]),
  /** The first page of its items; missing for a folder in the trash. */
  item_collection: Type.Optional(ItemList),
};

/** A folder as it is returned without `fields`. */
export const FolderObject = Type.Object(STANDARD);
export type FolderObject = Static<typeof FolderObject>;

/** A folder with every field that `fields` can request. Responses contain type, id, etag and the requested fields. */
export const FolderWithAllFields = Type.Object({
  ...STANDARD,
  ...ItemExtraFields,
  sync_state: Type.String(),
  can_non_owners_invite: Type.Boolean(),
});
export type FolderWithAllFields = Static<typeof FolderWithAllFields>;
