import type { RequestedFields } from '../../files/list-items.ts';
import { type Fields, renderFields } from './fields.ts';
import { FILE_FIELDS, type FileToRender } from './file-fields.ts';
import { FOLDER_FIELDS, type FolderToRender } from './folder-fields.ts';

/** Renders a file with the given fields, or with Box's standard fields. */
export function renderFile(entry: FileToRender, fields?: Fields): Record<string, unknown> {
  return renderFields(entry, FILE_FIELDS, fields ?? STANDARD_FILE);
}

/** Renders a folder with the given fields, or with Box's standard fields. */
export function renderFolder(entry: FolderToRender, fields?: Fields): Record<string, unknown> {
  return renderFields(entry, FOLDER_FIELDS, fields ?? STANDARD_FOLDER);
}

/** Renders an item of a list with the given fields, or with Box's standard fields for lists. */
export function renderListedItem(entry: FileToRender | FolderToRender, fields?: Fields): Record<string, unknown> {
  return 'version' in entry
    ? renderFields(entry, FILE_FIELDS, fields ?? LISTED_FILE)
    : renderFields(entry, FOLDER_FIELDS, fields ?? LISTED_FOLDER);
}

const STANDARD_FILE = words(`
  type id file_version sequence_id etag sha1 name description size path_collection created_at modified_at trashed_at
  purged_at content_created_at content_modified_at created_by modified_by owned_by shared_link parent item_status`);

const STANDARD_FOLDER = words(`
  type id sequence_id etag name created_at modified_at description size path_collection created_by modified_by
  trashed_at purged_at content_created_at content_modified_at owned_by shared_link folder_upload_email parent
  item_status item_collection`);

const LISTED_FILE = words('type id file_version sequence_id etag sha1 name item_status');
const LISTED_FOLDER = words('type id sequence_id etag name item_status');

/** Determines what a list has to load for these fields. The standard fields of a list need nothing more. */
export function toRequestedFields(fields: Fields | undefined): RequestedFields {
  const has = (names: readonly string[]) => fields !== undefined && names.some((name) => fields.has(name));
  return {
    description: has(['description']),
    details: has(DETAILS),
    path: has(['path_collection', 'parent']),
    users: has(['created_by', 'modified_by', 'owned_by', 'uploader_display_name']),
  };
}

const DETAILS = words(`
  tags sync_state can_non_owners_invite can_non_owners_view_collaborators is_collaboration_restricted_to_enterprise`);

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
