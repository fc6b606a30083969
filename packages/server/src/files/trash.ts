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

/** Where to; its own folder and name where they are left out. */
export interface RestoreTo {
  folderId?: ItemId;
  name?: string;
}

/**
 * Takes a file, or a folder with all that went along with it, out of the trash. Refuses `not_found`, `not_trashed`,
 * `trashed` where the folder it was in is there itself and no other was named, `item_name_in_use`, `item_name_invalid`,
 * `operation_limit_exceeded` if it would be too deep anywhere but in the root folder.
 */
export async function restoreItem(context: FileContext, trashed: Trashed, to: RestoreTo): Promise<void> {
  const { caller, id } = trashed;
  const at = context.clock.now();
  const height = await heightThere(context, trashed, to);
  await context.db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const item = await getTrashed(tx, trashed);
    const folderId = to.folderId ?? (await oldFolder(tx, item));
    const into = await getFolder(tx, caller, folderId);
    if (item.kind === 'folder' && isDeeper(into)) assertDepth(context, into, height);
    const { name = item.name } = to;
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

async function oldFolder(tx: Transaction<Tables>, item: ItemRow): Promise<ItemId> {
  const id = item.parent_id as ItemId;
  const folder = await findFolder(tx, item.owner_id, id);
  if (folder?.trashed_at === null) return id;
  // That folder is deleted for good, and what is in it moves to the root folder in one of the next batches.
  if (folder === undefined) return rootOf(tx, item.owner_id);
  throw new DomainError('trashed', 'The folder that it was in is in the trash: name another in parent.id.');
}

async function rootOf(tx: Transaction<Tables>, owner: UserId): Promise<ItemId> {
  const { root_id: id } = await tx
    .selectFrom('users')
    .select('root_id')
    .where('id', '=', owner)
    .executeTakeFirstOrThrow();
  return id;
}

/** In the root folder nothing is deeper than it is by itself, so that a tree of any height has a place to come back to. */
function isDeeper({ depth }: FoundItem): boolean {
  return depth > 0;
}

/** The height of a folder, as far as it matters where it goes. */
async function heightThere(context: FileContext, trashed: Trashed, to: RestoreTo): Promise<number> {
  const item = await getTrashed(context.db, trashed);
  const folderId = to.folderId ?? item.parent_id;
  const into = folderId === null ? undefined : await findFolder(context.db, trashed.caller, folderId);
  return into !== undefined && isDeeper(into) ? getHeight(context, context.db, item) : 0;
}

/** Puts one item of a tree that is held, itself, in the trash. It no longer counts in the folders above. */
async function putInTrash(tx: Transaction<Tables>, item: ItemRow, now: Millis): Promise<void> {
  await tx
    .updateTable('items')
    .set((row) => ({ trashed_at: now, trashed_with: item.id, etag: row('etag', '+', 1) }))
    .where('id', '=', item.id)
    .execute();
  await updateFolderTotals(tx, item.parent_id as ItemId, { items: -1, bytes: -item.size });
}

/**
 * Moves a file to the trash; its name is free at once. Refuses `not_found`, `trashed`, `precondition_failed`,
 * `access_denied_item_locked`.
 */
export async function trashFile(
  { db, clock }: FileContext,
  { caller, fileId, ifMatch }: { caller: UserId; fileId: ItemId; ifMatch: string | undefined },
): Promise<void> {
  const at = clock.now();
  await db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const file = await getChangeable(tx, { kind: 'file', owner: caller, id: fileId, ifMatch });
    await assertUnlocked(tx, { fileId, caller, now: clock.expiryTime() });
    await putInTrash(tx, file, at);
  });
}

interface FolderToTrash {
  caller: UserId;
  folderId: ItemId;
  /** Whether what is in it may go along. */
  recursive: boolean;
  ifMatch: string | undefined;
}

/**
 * Moves a folder to the trash with all that is in it, which its own row says for everything below. Refuses `not_found`, `trashed`, `precondition_failed`,
 * `folder_not_empty` without `recursive`, and a root folder as `access_denied_insufficient_permissions`.
 */
export async function trashFolder({ db, clock }: FileContext, request: FolderToTrash): Promise<void> {
  const { caller, folderId, recursive, ifMatch } = request;
  const at = clock.now();
  await db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const folder = await getChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch });
    assertNotRoot(folder);
    if (folder.child_count > 0 && !recursive) {
      throw new DomainError(
        'folder-not-empty',
        'The folder is not empty: delete it with recursive=true, or empty it first.',
      );
    }
    await putInTrash(tx, folder, at);
  });
}

export interface Trashed {
  kind: ItemKind;
  caller: UserId;
  id: ItemId;
}

/** An item of the caller's that is in the trash, by itself or with a folder. Refuses `not_found` and `not_trashed`. */
export async function findTrashed(db: Kysely<Tables>, { kind, caller, id }: Trashed): Promise<ItemRow> {
  const item = await (kind === 'file' ? findFile : findFolder)(db, caller, id);
  if (item === undefined) throw new DomainError('not-found', `There is no such ${kind}.`);
  if (item.trashed_at === null) throw new DomainError('not-trashed', `The ${kind} is not in the trash.`);
  return item;
}

/** An item that went to the trash by itself, to be taken out of it. Refuses, besides, what went with a folder as `trashed`. */
async function getTrashed(db: Kysely<Tables>, trashed: Trashed): Promise<ItemRow> {
  const item = await findTrashed(db, trashed);
  if (item.trashed_with === item.id) return item;
  throw new DomainError(
    'trashed',
    `The ${trashed.kind} went to the trash with the folder ${item.trashed_with}: take that.`,
  );
}

/** How many batches a request waits for, so that it ends soon; what is more the sweep deletes. */
const BATCHES_AT_ONCE = 100;

/**
 * Deletes a file, or a folder with all that went along with it, out of the trash. From the first transaction on nobody
 * sees any of it, and if it is small, that is the only one. Else the rest follows in batches that let others through, and
 * a crash leaves it to the sweep. Rows go before the bytes that no version names any more. What went to the trash by
 * itself out of such a folder stays there, and would be restored to the root. Refuses `not_found`, `not_trashed`, and
 * `operation_blocked_temporary` while something in it is being copied.
 */
export async function purge(context: FileContext, trashed: Trashed): Promise<void> {
  const { caller, id } = trashed;
  const {
    job,
    removal,
    contents: blobIds,
  } = await context.db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    await getTrashed(tx, trashed);
    await checkNotCopied(tx, caller, id, { orBelow: true });
    const detached = { parent_id: null, trashed_at: null, trashed_with: null };
    await tx.updateTable('items').set(detached).where('id', '=', id).execute();
    const job = await insertJob(tx, { kind: 'delete', owner_id: caller, root_id: id }, context.clock.lifetimesFrom());
    const removal = new TreeRemoval(job);
    return { job, removal, contents: await removal.deleteRows(tx) };
  });
  await deleteUnreferencedBlobs(context, blobIds);
  if (!(await removeTree(context, job, removal, { batches: BATCHES_AT_ONCE }))) await abandonJob(context.db, job);
}

/** How long Box keeps what was deleted, unless an enterprise says otherwise. */
const KEPT_IN_TRASH: Millis = 30 * 24 * 60 * 60 * 1000;

/**
 * Until when what went to the trash then is kept there at least; null for what did not. Nothing leaves the trash by itself
 * at that moment, and nothing leaves it by itself before.
 */
export function purgedAt(trashedAt: Millis | null): Millis | null {
  return trashedAt === null ? null : trashedAt + KEPT_IN_TRASH;
}
