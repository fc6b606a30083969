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

/** What may be changed of files and folders alike. */
export interface ItemChange {
  name?: string;
  description?: string;
  /** The folder that it goes to. */
  folderId?: ItemId;
  details?: Partial<ItemDetails>;
}

interface UpdateBy {
  caller: UserId;
  now: Millis;
  /** Other columns to set. */
  also?: Partial<Pick<ItemRow, 'content_created_at' | 'content_modified_at'>>;
  /** Count it as a change even if these columns stay as they are. */
  force?: boolean;
}

/**
 * Changes an item of a tree that is held. What changes nothing leaves the etag. Refuses `not_found` and `trashed` for
 * the folder it goes to, `item_name_in_use`, `item_name_invalid`.
 */
async function updateItem(
  tx: Transaction<Tables>,
  item: ItemRow,
  { name = item.name, description = item.description, folderId = item.parent_id as ItemId, details = {} }: ItemChange,
  { caller, now, also = {}, force = false }: UpdateBy,
): Promise<void> {
  const from = item.parent_id as ItemId;
  const moved = folderId !== from;
  if (moved) await getFolder(tx, caller, folderId);
  if (moved || name !== item.name) await assertNameFree(tx, item, { name, folderId });
  const next = {
    name,
    description,
    details: withDetails(item.details, details),
    parent_id: folderId,
    ...also,
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
  // A version keeps the name that its file had in its time.
  if (name !== item.name && item.version_id !== null) {
    await tx.updateTable('versions').set({ name }).where('id', '=', item.version_id).execute();
  }
  if (!moved) return;
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
    /** A lock for the caller; null takes it away. */
    lock?: LockRequest | null;
  };
}

/**
 * Renames, moves, describes, dates, locks or unlocks a file. Refuses `not_found`, `trashed`, `precondition_failed`,
 * `access_denied_item_locked` where another holds its lock, and what `updateItem` refuses.
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
    const { lock, contentCreatedAt, contentModifiedAt, ...placed } = change;
    if (lock !== undefined) await setLock(tx, { fileId, caller, now: at }, lock);
    await updateItem(tx, file, placed, {
      caller,
      now: at,
      also: {
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
 * Renames, moves or describes a folder. Refuses `not_found`, `trashed`, `precondition_failed`, a root folder as
 * `access_denied_insufficient_permissions`, `cyclical_folder_structure`, `operation_limit_exceeded` if it would come to be
 * deeper than folders may, and what `updateItem` refuses.
 */
export async function updateFolder(context: FileContext, request: FolderUpdate): Promise<void> {
  const { caller, folderId, ifMatch, change } = request;
  const height = await heightThere(context, request);
  await context.db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const folder = await getChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch });
    assertNotRoot(folder);
    if (change.folderId !== undefined) {
      const path = await findPath(tx, change.folderId);
      if (path.some(({ id }) => id === folderId)) throw cyclicalFolderError();
      const into = await getFolder(tx, caller, change.folderId);
      if (goesDeeper(folder, into)) assertDepth(context, into, height);
    }
    await updateItem(tx, folder, change, { caller, now: context.clock.now() });
  });
}

export function cyclicalFolderError(): DomainError {
  return new DomainError('cyclical-move', 'A folder cannot go into itself or a folder that is in it.');
}

function goesDeeper(folder: FoundItem, into: FoundItem): boolean {
  return into.depth >= folder.depth;
}

/** The height of a folder, as far as it matters where it goes. */
async function heightThere(context: FileContext, { caller, folderId, change }: FolderUpdate): Promise<number> {
  if (change.folderId === undefined) return 0;
  const folder = await findFolder(context.db, caller, folderId);
  const into = await findFolder(context.db, caller, change.folderId);
  if (folder === undefined || into === undefined || !goesDeeper(folder, into)) return 0;
  return getHeight(context, context.db, folder);
}
