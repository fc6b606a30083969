import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import { type ItemDetails, withDetails } from '@partway/protocol/item-details';
import { nameKey } from '@partway/protocol/names';
import type { Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { getFolder } from './check-place.ts';
import type { FileContext } from './context.ts';
import { type FoundItem, findFolder, findPath } from './find.ts';
import { assertNotRoot, getChangeable } from './get-item.ts';
import { assertUnlocked, type LockRequest, setLock } from './locks.ts';
import { assertNameFree } from './names.ts';
import { assertDepth, getHeight, lockTree, updateFolderTotals } from './tree.ts';

/** Changes that files and folders have in common. */
export interface ItemChange {
  name?: string;
  description?: string;
  /** The new parent folder. */
  folderId?: ItemId;
  details?: Partial<ItemDetails>;
}

interface UpdateOptions {
  caller: UserId;
  now: Millis;
  /** Further columns to set. */
  extraColumns?: Partial<Pick<ItemRow, 'content_created_at' | 'content_modified_at'>>;
  /** Increment the etag even if no column changes. */
  force?: boolean;
}

/**
 * Updates an item. The tree must be locked. The etag stays the same if nothing changes. Throws `not-found` or `trashed`
 * for the new parent folder, `name-in-use`, `name-invalid`, `name-too-long`, and `blocked` if that folder is being
 * copied.
 */
async function updateItem(
  tx: Transaction<Tables>,
  item: ItemRow,
  { name = item.name, description = item.description, folderId = item.parent_id as ItemId, details = {} }: ItemChange,
  { caller, now, extraColumns = {}, force = false }: UpdateOptions,
): Promise<void> {
  const from = item.parent_id as ItemId;
  const isMoved = folderId !== from;
  if (isMoved) await getFolder(tx, caller, folderId);
  if (isMoved || name !== item.name) await assertNameFree(tx, item, { name, folderId });
  const next = {
    name,
    description,
    details: withDetails(item.details, details),
    parent_id: folderId,
    ...extraColumns,
  };
  if (!force && Object.entries(next).every(([column, value]) => item[column as keyof typeof next] === value)) return;

  await tx
    .updateTable('items')
    .set((row) => ({
      ...next,
      name_key: nameKey(name),
      etag: row('etag', '+', 1),
      modified_at: now,
      modified_by: caller,
    }))
    .where('id', '=', item.id)
    .execute();
  // Past versions keep the name that the file had at their time.
  if (name !== item.name && item.version_id !== null) {
    await tx.updateTable('versions').set({ name }).where('id', '=', item.version_id).execute();
  }
  if (!isMoved) return;
  await updateFolderTotals(tx, from, { items: -1, bytes: -item.size });
  await updateFolderTotals(tx, folderId, { items: 1, bytes: item.size });
}

interface FileUpdate {
  caller: UserId;
  fileId: ItemId;
  ifMatch: string | undefined;
  change: ItemChange & {
    contentCreatedAt?: Millis;
    contentModifiedAt?: Millis;
    /** Locks the file for the caller; null unlocks it. */
    lock?: LockRequest | null;
  };
}

/**
 * Updates a file's name, folder, description, details, dates or lock. Throws `not-found`, `trashed`,
 * `precondition-failed`, `item-locked` if another user has locked it, and the errors of `updateItem`.
 */
export async function updateFile(
  { db, clock }: FileContext,
  { caller, fileId, ifMatch, change }: FileUpdate,
): Promise<void> {
  const at = clock.now();
  await db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const file = await getChangeable(tx, { kind: 'file', owner: caller, id: fileId, ifMatch });
    await assertUnlocked(tx, { fileId, caller, now: clock.expiryTime() });
    const { lock, contentCreatedAt, contentModifiedAt, ...itemChange } = change;
    if (lock !== undefined) await setLock(tx, { fileId, caller, now: at }, lock);
    await updateItem(tx, file, itemChange, {
      caller,
      now: at,
      extraColumns: {
        ...(contentCreatedAt !== undefined && { content_created_at: contentCreatedAt }),
        ...(contentModifiedAt !== undefined && { content_modified_at: contentModifiedAt }),
      },
      force: lock !== undefined,
    });
  });
}

interface FolderUpdate {
  caller: UserId;
  folderId: ItemId;
  ifMatch: string | undefined;
  change: ItemChange;
}

/**
 * Updates a folder's name, parent, description or details. Throws `not-found`, `trashed`, `precondition-failed`,
 * `permission-denied` for a root folder, `cyclical-move`, `limit-exceeded` if folders would be nested too deeply, and
 * the errors of `updateItem`.
 */
export async function updateFolder(context: FileContext, request: FolderUpdate): Promise<void> {
  const { caller, folderId, ifMatch, change } = request;
  const height = await findMovedHeight(context, request);
  await context.db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const folder = await getChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch });
    assertNotRoot(folder);
    if (change.folderId !== undefined) {
      const path = await findPath(tx, change.folderId);
      if (path.some(({ id }) => id === folderId)) throw cyclicalFolderError();
      const target = await getFolder(tx, caller, change.folderId);
      if (isDeeperIn(target, folder)) assertDepth(context, target, height);
    }
    await updateItem(tx, folder, change, { caller, now: context.clock.now() });
  });
}

export function cyclicalFolderError(): DomainError {
  return new DomainError('cyclical-move', 'A folder cannot be moved or copied into itself or one of its subfolders.');
}

/** Whether a move into `target` puts the folder at a deeper level than it is at now. */
function isDeeperIn(target: FoundItem, folder: FoundItem): boolean {
  return target.depth >= folder.depth;
}

/** The height of a folder that a move makes deeper; 0 for other moves, for which the height does not matter. */
async function findMovedHeight(context: FileContext, { caller, folderId, change }: FolderUpdate): Promise<number> {
  if (change.folderId === undefined) return 0;
  const folder = await findFolder(context.db, caller, folderId);
  const target = await findFolder(context.db, caller, change.folderId);
  if (folder === undefined || target === undefined || !isDeeperIn(target, folder)) return 0;
  return getHeight(context, context.db, folder);
}
