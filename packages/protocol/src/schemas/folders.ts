import { type Static, Type } from 'typebox';
import { Description, FolderRef, ItemName, oneOf, orNull, Tags } from './concepts.ts';
import { refused } from './field-notes.ts';
import { ItemUpdateFields } from './items.ts';

/** What is said of a folder and only stored: there are no collaborators here, and nothing that syncs. */
const FolderSettingFields = {
  folder_upload_email: refused('this server receives no mail'),
  sync_state: orNull(oneOf('synced', 'not_synced', 'partially_synced')),
  can_non_owners_invite: orNull(Type.Boolean()),
  can_non_owners_view_collaborators: orNull(Type.Boolean()),
  is_collaboration_restricted_to_enterprise: orNull(Type.Boolean()),
};

/** POST /folders. Box documents neither `description` nor `tags` here; they are taken as in a change. */
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
