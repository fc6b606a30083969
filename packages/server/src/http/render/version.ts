import type { UserId } from '@partway/protocol/ids';
import type { VersionRow } from '../../database/schema.ts';
import type { FileContext } from '../../files/context.ts';
import { findUsersById, type NamedUser } from '../../files/find.ts';
import { purgedAt } from '../../files/retention/trash-retention.ts';
import type { View } from '../hooks/permissions.ts';
import { userMini } from './common-fields.ts';
import { dateOrNull, wireDate } from './dates.ts';
import { type FieldRenderers, type Fields, renderFields } from './fields.ts';
import { downloadUrl } from './file-fields.ts';

interface VersionEntry extends View {
  version: VersionRow;
  users: ReadonlyMap<UserId, NamedUser>;
}

const FIELDS: FieldRenderers<VersionEntry> = new Map<string, (entry: VersionEntry) => unknown>([
  ['type', () => 'file_version'],
  ['id', ({ version }) => String(version.id)],
  ['sha1', ({ version }) => version.sha1],
  ['name', ({ version }) => version.name],
  ['size', ({ version }) => version.size],
  ['version_number', ({ version }) => String(version.number)],
  ['uploader_display_name', ({ version, users }) => users.get(version.created_by)?.name ?? ''],
  ['created_at', ({ version }) => wireDate(version.created_at)],
  ['modified_at', ({ version }) => wireDate(version.created_at)],
  ['modified_by', ({ version, users }) => userMini(users, version.created_by)],
  ['trashed_at', ({ version }) => dateOrNull(version.trashed_at)],
  ['trashed_by', ({ version, users }) => userOrNull(users, version.trashed_by)],
  ['restored_at', ({ version }) => dateOrNull(version.restored_at)],
  ['restored_by', ({ version, users }) => userOrNull(users, version.restored_by)],
  ['authenticated_download_url', ({ version: { file_id, id }, apiBase }) => downloadUrl(apiBase, file_id, id)],
  ['is_download_available', ({ version, can }) => version.trashed_at === null && can('download')],
  ['purged_at', ({ version, trashRetention }) => dateOrNull(purgedAt(trashRetention, version.trashed_at))],
]);

/** Fields that are not part of the standard form. */
const ON_REQUEST = ['version_number', 'authenticated_download_url', 'is_download_available'];
const STANDARD = [...FIELDS.keys()].filter((name) => !ON_REQUEST.includes(name));

/** Renders versions of files with the given fields, or with the standard ones. Versions have no etag. */
export async function renderVersions(
  { db }: FileContext,
  versions: readonly VersionRow[],
  view: View,
  fields: Fields | undefined,
): Promise<Record<string, unknown>[]> {
  const users = await findUsersById(
    db,
    versions.flatMap((version) => [version.created_by, version.trashed_by ?? [], version.restored_by ?? []].flat()),
  );
  return versions.map((version) => renderFields({ version, users, ...view }, FIELDS, fields ?? STANDARD));
}

function userOrNull(users: VersionEntry['users'], id: UserId | null): unknown {
  return id === null ? null : userMini(users, id);
}
