import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import { nameKey } from '@partway/protocol/names';
import type { Kysely, Transaction } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { deleteUnreferencedBlobs } from './blobs.ts';
import { getFolder } from './check-place.ts';
import type { FileContext } from './context.ts';
import { type FoundItem, findFile, findFolder } from './find.ts';
import { assertNotRoot, getChangeable } from './get-item.ts';
import { assertUnlocked } from './locks.ts';
import { assertNameFree } from './names.ts';
import { removeTree, TreeRemoval } from './remove-tree.ts';
import { assertDepth, getHeight, lockTree, updateFolderTotals } from './tree.ts';
import { abandonJob, checkNotCopied, insertJob } from './tree-jobs.ts';

// In the trash, `trashed_with` tells which item was moved there: the item itself, or a folder that it is in.

/** The destination of a restored item. Defaults to its old folder and name. */
export interface RestoreTarget {
  folderId?: ItemId;
  name?: string;
}

/**
 * Restores a file, or a folder with everything that was trashed with it. Throws `not-found`, `not-trashed`,
 * `name-in-use`, `name-invalid`, `name-too-long`, `trashed` if the item was trashed with a folder or if its old folder
 * is in the trash and `target` has no other, and `limit-exceeded` if folders would be nested too deeply (never in the
 * root folder).
 */
export async function restoreItem(context: FileContext, trashed: TrashedItemRef, target: RestoreTarget): Promise<void> {
  const { caller, id } = trashed;
  const at = context.clock.now();
  const height = await findRestoredHeight(context, trashed, target);
  await context.db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const item = await getRestorableItem(tx, trashed);
    const folderId = target.folderId ?? (await getOldFolder(tx, item));
    const folder = await getFolder(tx, caller, folderId);
    if (item.kind === 'folder' && isDepthLimited(folder)) assertDepth(context, folder, height);
    const { name = item.name } = target;
    await assertNameFree(tx, item, { name, folderId });
    await tx
      .updateTable('items')
      .set((row) => ({
        parent_id: folderId,
        name,
        name_key: nameKey(name),
        etag: row('etag', '+', 1),
        modified_at: at,
        modified_by: caller,
        trashed_at: null,
        trashed_with: null,
      }))
      .where('id', '=', id)
      .execute();
    await updateFolderTotals(tx, folderId, { items: 1, bytes: item.size });
  });
}

async function getOldFolder(tx: Transaction<Tables>, item: ItemRow): Promise<ItemId> {
  const id = item.parent_id as ItemId;
  const folder = await findFolder(tx, item.owner_id, id);
  if (folder?.trashed_at === null) return id;
  // That folder is being purged. One of the next batches would move its trashed items to the root folder.
  if (folder === undefined) return getRootId(tx, item.owner_id);
  throw new DomainError('trashed', 'The folder of this item is in the trash. Specify another one in parent.id.');
}

async function getRootId(tx: Transaction<Tables>, owner: UserId): Promise<ItemId> {
  const { root_id: id } = await tx
    .selectFrom('users')
    .select('root_id')
    .where('id', '=', owner)
    .executeTakeFirstOrThrow();
  return id;
}

/** The depth limit does not apply to the root folder, so that a folder of any height can be restored somewhere. */
function isDepthLimited({ depth }: FoundItem): boolean {
  return depth > 0;
}

/** The height of a folder whose new depth is limited; 0 for other items, for which the height does not matter. */
async function findRestoredHeight(
  context: FileContext,
  trashed: TrashedItemRef,
  target: RestoreTarget,
): Promise<number> {
  const item = await getRestorableItem(context.db, trashed);
  const folderId = target.folderId ?? item.parent_id;
  const folder = folderId === null ? undefined : await findFolder(context.db, trashed.caller, folderId);
  return folder !== undefined && isDepthLimited(folder) ? getHeight(context, context.db, item) : 0;
}

/**
 * Moves an item to the trash and subtracts it from its folder's totals. The tree must be locked.
 * @param now The time from which the item's retention counts.
 */
async function trashItem(tx: Transaction<Tables>, item: ItemRow, now: Millis): Promise<void> {
  await tx
    .updateTable('items')
    .set((row) => ({ trashed_at: now, trashed_with: item.id, etag: row('etag', '+', 1) }))
    .where('id', '=', item.id)
    .execute();
  await updateFolderTotals(tx, item.parent_id as ItemId, { items: -1, bytes: -item.size });
}

/**
 * Moves a file to the trash. Its name can be used again at once. Throws `not-found`, `trashed`, `precondition-failed`,
 * and `item-locked`.
 */
export async function trashFile(
  { db, clock }: FileContext,
  { caller, fileId, ifMatch }: { caller: UserId; fileId: ItemId; ifMatch: string | undefined },
): Promise<void> {
  const at = clock.lifetimesFrom();
  await db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const file = await getChangeable(tx, { kind: 'file', owner: caller, id: fileId, ifMatch });
    await assertUnlocked(tx, { fileId, caller, now: clock.expiryTime() });
    await trashItem(tx, file, at);
  });
}

interface FolderToTrash {
  caller: UserId;
  folderId: ItemId;
  /** Whether the folder can have items, which are trashed with it. */
  recursive: boolean;
  ifMatch: string | undefined;
}

/**
 * Moves a folder to the trash with everything in it. Only the folder's row changes; items below are found to be in the
 * trash by their parents. Throws `not-found`, `trashed`, `precondition-failed`, `folder-not-empty` without `recursive`,
 * and `permission-denied` for a root folder.
 */
export async function trashFolder({ db, clock }: FileContext, request: FolderToTrash): Promise<void> {
  const { caller, folderId, recursive, ifMatch } = request;
  const at = clock.lifetimesFrom();
  await db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const folder = await getChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch });
    assertNotRoot(folder);
    if (folder.child_count > 0 && !recursive) {
      throw new DomainError(
        'folder-not-empty',
        'The folder is not empty. Empty it first, or delete it with recursive=true.',
      );
    }
    await trashItem(tx, folder, at);
  });
}

export interface TrashedItemRef {
  kind: ItemKind;
  caller: UserId;
  id: ItemId;
}

/** Gets an item that is in the trash, itself or with a folder. Throws `not-found` and `not-trashed`. */
export async function getTrashedItem(db: Kysely<Tables>, { kind, caller, id }: TrashedItemRef): Promise<ItemRow> {
  const item = await (kind === 'file' ? findFile : findFolder)(db, caller, id);
  if (item === undefined) throw new DomainError('not-found', `The ${kind} does not exist.`);
  if (item.trashed_at === null) throw notTrashedError({ kind });
  return item;
}

function notTrashedError({ kind }: Pick<TrashedItemRef, 'kind'>): DomainError {
  return new DomainError('not-trashed', `The ${kind} is not in the trash.`);
}

/**
 * Gets an item that can be restored or purged. Throws the errors of `getTrashedItem`, and `trashed` if a folder above
 * it was trashed.
 */
async function getRestorableItem(db: Kysely<Tables>, trashed: TrashedItemRef): Promise<ItemRow> {
  const item = await getTrashedItem(db, trashed);
  if (item.trashed_with === item.id) return item;
  throw new DomainError(
    'trashed',
    `The ${trashed.kind} is in the trash as part of folder ${item.trashed_with}. Use that folder's ID instead.`,
  );
}

/** The number of batches that a request waits for. A background job deletes the rest. */
const BATCHES_PER_REQUEST = 100;

/**
 * Permanently deletes a file, or a folder with everything that was trashed with it. The first transaction makes all of
 * it invisible, and is the only one if the tree is small. Otherwise the rest follows in batches between which other
 * requests run, and a background job continues them after a crash. Blobs are removed after the rows that referenced
 * them. Items in the folder that had been trashed before it stay in the trash, and are restored to the root folder.
 * Throws `not-found`, `not-trashed`, `trashed`, and `blocked` while something in it is being copied.
 * @param options With `before`, also throws `not-trashed` if it was moved to the trash later.
 */
export async function purge(
  context: FileContext,
  trashed: TrashedItemRef,
  { before, signal }: { before?: Millis; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { caller, id } = trashed;
  const { job, removal, blobIds } = await context.db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const item = await getRestorableItem(tx, trashed);
    if (before !== undefined && (item.trashed_at ?? before) > before) throw notTrashedError(trashed);
    await checkNotCopied(tx, caller, id, { orBelow: true });
    const detached = { parent_id: null, trashed_at: null, trashed_with: null };
    await tx.updateTable('items').set(detached).where('id', '=', id).execute();
    const job = await insertJob(tx, { kind: 'delete', owner_id: caller, root_id: id }, context.clock.lifetimesFrom());
    const removal = new TreeRemoval(job);
    return { job, removal, blobIds: await removal.deleteRows(tx) };
  });
  await deleteUnreferencedBlobs(context, blobIds);
  if (!(await removeTree(context, job, removal, { batches: BATCHES_PER_REQUEST, signal })))
    await abandonJob(context.db, job);
}
