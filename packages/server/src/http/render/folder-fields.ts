import { parseDetails } from '@partway/protocol/item-details';
import { type FolderEntry, folderId } from '../../files/find.ts';
import type { View } from '../hooks/permissions.ts';
import { COMMON_FIELDS } from './common-fields.ts';
import type { FieldRenderers } from './fields.ts';

export interface FolderToRender extends FolderEntry, View {
  /** A page of its items. */
  items?: Record<string, unknown>;
}

/**
 * The caller owns the folder, so only their token and status limit the permissions. The root folder cannot be changed.
 */
function permissions({ item, can }: FolderToRender): Record<string, boolean> {
  const isChangeable = item.parent_id !== null;
  return {
    can_delete: isChangeable && can('delete'),
    can_download: can('download'),
    can_invite_collaborator: false,
    can_rename: isChangeable && can('rename'),
    can_set_share_access: false,
    can_share: false,
    can_upload: can('upload'),
    can_apply_watermark: false,
  };
}

/** Every field of a folder. */
export const FOLDER_FIELDS: FieldRenderers<FolderToRender> = new Map<string, (entry: FolderToRender) => unknown>([
  ...COMMON_FIELDS,
  ['type', () => 'folder'],
  ['id', ({ item }) => folderId(item)],
  ['size', ({ item }) => item.size],
  ['folder_upload_email', () => null],
  ['item_collection', ({ items }) => items],
  ['permissions', permissions],
  ['sync_state', ({ item }) => parseDetails(item.details).sync_state],
  ['allowed_shared_link_access_levels', () => []],
  ['can_non_owners_invite', ({ item }) => parseDetails(item.details).can_non_owners_invite],
  ['can_non_owners_view_collaborators', ({ item }) => parseDetails(item.details).can_non_owners_view_collaborators],
  [
    'is_collaboration_restricted_to_enterprise',
    ({ item }) => parseDetails(item.details).is_collaboration_restricted_to_enterprise,
  ],
]);
