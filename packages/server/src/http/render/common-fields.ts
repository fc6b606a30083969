import type { UserId } from '@partway/protocol/ids';
import { parseDetails } from '@partway/protocol/item-details';
import type { FileContext } from '../../files/context.ts';
import { type FileEntry, type FolderEntry, folderMini, type Mini, type NamedUser } from '../../files/find.ts';
import { findLocks, type Lock } from '../../files/locks.ts';
import { purgedAt } from '../../files/retention/trash-retention.ts';
import type { View } from '../hooks/permissions.ts';
import { visiblePath } from '../request/visible-path.ts';
import { dateOrNull, wireDate } from './dates.ts';
import type { FieldRenderers, Fields } from './fields.ts';

/** The folder that Box shows as the path of items in the trash. */
const TRASH: Mini = { type: 'folder', id: '1', sequence_id: null, etag: null, name: 'Trash' };

/** The fields that files and folders have in common. A root folder (which has no parent) has no etag. */
export const COMMON_FIELDS: FieldRenderers<FolderEntry & View> = new Map<
  string,
  (entry: FolderEntry & View) => unknown
>([
  ['sequence_id', ({ item }) => (item.parent_id === null ? null : String(item.etag))],
  ['etag', ({ item }) => (item.parent_id === null ? null : String(item.etag))],
  ['name', ({ item }) => item.name],
  ['description', ({ item }) => item.description],
  [
    'path_collection',
    (entry) => (entry.item.trashed_at === null ? pathCollection(visiblePath(entry)) : toCollection([TRASH])),
  ],
  ['created_at', ({ item }) => wireDate(item.created_at)],
  ['modified_at', ({ item }) => wireDate(item.modified_at)],
  ['trashed_at', ({ item }) => dateOrNull(item.trashed_at)],
  ['purged_at', ({ item, trashRetention }) => dateOrNull(purgedAt(trashRetention, item.trashed_at))],
  ['content_created_at', ({ item }) => wireDate(item.content_created_at)],
  ['content_modified_at', ({ item }) => wireDate(item.content_modified_at)],
  ['created_by', ({ item, users }) => userMini(users, item.created_by)],
  ['modified_by', ({ item, users }) => userMini(users, item.modified_by)],
  ['owned_by', ({ item, users }) => userMini(users, item.owner_id)],
  ['shared_link', () => null],
  ['parent', (entry) => parentMini(visiblePath(entry))],
  ['tags', ({ item }) => parseDetails(item.details).tags],
  ['collections', () => []],
  ['allowed_invitee_roles', () => []],
  ['classification', () => null],
  ['has_collaborations', () => false],
  ['is_accessible_via_shared_link', () => false],
  ['is_associated_with_app_item', () => false],
  ['is_externally_owned', () => false],
  ['watermark_info', () => ({ is_watermarked: false })],
  ['item_status', ({ item }) => (item.trashed_at === null ? 'active' : 'trashed')],
]);

/** Cached because the entries of a page share their path. */
const collections = new WeakMap<FolderEntry['path'], { total_count: number; entries: Mini[] }>();

function pathCollection(path: FolderEntry['path']): { total_count: number; entries: Mini[] } {
  const cached = collections.get(path);
  if (cached !== undefined) return cached;
  const collection = toCollection(path.map(folderMini));
  collections.set(path, collection);
  return collection;
}

function toCollection(entries: Mini[]): { total_count: number; entries: Mini[] } {
  return { total_count: entries.length, entries };
}

function parentMini(path: FolderEntry['path']): Mini | null {
  const parent = path.at(-1);
  return parent === undefined ? null : folderMini(parent);
}

/** Renders the short form of a user. */
export function userMini(users: ReadonlyMap<UserId, NamedUser>, id: UserId): Mini {
  const user = users.get(id);
  return { type: 'user', id: String(id), name: user?.name ?? '', login: user?.login ?? '' };
}

/** Adds the locks of files to entries, if the response shows them. */
export async function addLocks<Entry extends FileEntry | FolderEntry>(
  { db, clock }: FileContext,
  entries: readonly Entry[],
  fields: Fields | undefined,
): Promise<(Entry & { lock?: Lock | undefined })[]> {
  if (!fields?.has('lock')) return [...entries];
  const ids = entries.filter(({ item }) => item.kind === 'file').map(({ item }) => item.id);
  const locks = await findLocks(db, ids, clock.expiryTime());
  return entries.map((entry) => ({ ...entry, lock: locks.get(entry.item.id) }));
}
