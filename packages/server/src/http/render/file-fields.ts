import type { ItemId, VersionId } from '@partway/protocol/ids';
import type { FileEntry } from '../../files/find.ts';
import type { Lock } from '../../files/locks.ts';
import type { View } from '../hooks/permissions.ts';
import { COMMON_FIELDS, userMini } from './common-fields.ts';
import { wireDate } from './dates.ts';
import type { FieldRenderers } from './fields.ts';

export interface FileToRender extends FileEntry, View {
  /** The file's lock, if there is one and the response shows it. */
  lock?: Lock | undefined;
}

/**
 * The caller owns the file, so only their token and status limit the permissions. Those for unsupported features are
 * false.
 */
function permissions({ can }: FileToRender): Record<string, boolean> {
  return {
    can_delete: can('delete'),
    can_download: can('download'),
    can_invite_collaborator: false,
    can_rename: can('rename'),
    can_set_share_access: false,
    can_share: false,
    can_annotate: false,
    can_comment: false,
    can_preview: can('read'),
    can_upload: can('replace'),
    can_view_annotations_all: false,
    can_view_annotations_self: false,
    can_apply_watermark: false,
  };
}

/** Every field of a file. */
export const FILE_FIELDS: FieldRenderers<FileToRender> = new Map<string, (entry: FileToRender) => unknown>([
  ...COMMON_FIELDS,
  ['type', () => 'file'],
  ['id', ({ item }) => String(item.id)],
  ['file_version', ({ version: { id, sha1 } }) => ({ type: 'file_version', id: String(id), sha1 })],
  ['sha1', ({ version }) => version.sha1],
  ['size', ({ version }) => version.size],
  ['extension', ({ item }) => /\.([^.]+)$/.exec(item.name)?.[1] ?? ''],
  ['version_number', ({ version }) => String(version.number)],
  ['uploader_display_name', ({ version, users }) => users.get(version.created_by)?.name ?? ''],
  ['lock', ({ lock }) => (lock === undefined ? null : renderLock(lock))],
  ['permissions', permissions],
  ['comment_count', () => 0],
  ['is_package', () => false],
  ['expires_at', () => null],
  ['disposition_at', () => null],
  ['representations', () => ({ entries: [] })],
  ['shared_link_permission_options', () => []],
  ['authenticated_download_url', ({ item, apiBase }) => downloadUrl(apiBase, item.id)],
  ['is_download_available', ({ item, can }) => item.trashed_at === null && can('download')],
]);

/** The download URL of a file, which requires a token in the Authorization header or in the query as `access_token`. */
export function downloadUrl(apiBase: string, fileId: ItemId, versionId?: VersionId): string {
  return `${apiBase}/files/${fileId}/content${versionId === undefined ? '' : `?version=${versionId}`}`;
}

/**
 * In Box, requests call the expiry of a lock `expires_at`, and responses `expired_at`. These responses contain both.
 */
function renderLock({ id, by, createdAt, expiresAt, isDownloadPrevented }: Lock): Record<string, unknown> {
  const expires = expiresAt === null ? null : wireDate(expiresAt);
  return {
    type: 'lock',
    id: String(id),
    created_by: userMini(new Map([[by.id, by]]), by.id),
    created_at: wireDate(createdAt),
    expires_at: expires,
    expired_at: expires,
    is_download_prevented: isDownloadPrevented,
    app_type: null,
  };
}
