import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { ItemRow, Tables } from '../../database/schema.ts';
import { newId } from '../../database/values.ts';
import { DomainError } from '../../errors.ts';
import { limitReached } from '../../limits.ts';
import { getFolder } from '../check-place.ts';
import type { FileContext } from '../context.ts';
import { type FoundItem, findPath } from '../find.ts';
import { assertNotRoot, getChangeable } from '../get-item.ts';
import { newItemRow } from '../items.ts';
import { assertValidName, findNameConflict, nameInUseError } from '../names.ts';
import { chargeSpace, checkSpace } from '../quota.ts';
import { assertDepth, lockTree, measureTree, type TreeSize, updateFolderTotals } from '../tree.ts';
import {
  abandonJob,
  checkNotCopied,
  deleteJob,
  insertJob,
  listCopySources,
  renewJob,
  type TreeJob,
} from '../tree-jobs.ts';
import { cyclicalFolderError } from '../update-item.ts';
import { TreeCopy } from './copy-rows.ts';

interface FolderToCopy {
  caller: UserId;
  folderId: ItemId;
  to: { folderId: ItemId; name?: string };
}

/** Copies that can be in progress per user. */
const MAX_COPIES = 2;

interface StartedCopy {
  job: TreeJob;
  /** The new folder, which has no parent yet. */
  id: ItemId;
  name: string;
  size: TreeSize;
}

/**
 * Copies a folder with everything in it, completely or not at all. No bytes are copied: the versions share blobs. The
 * copy is invisible until the last transaction inserts it into the target folder, and the original cannot be changed
 * until then. A small tree takes one transaction. A larger one is copied in batches between which other requests run;
 * if the server crashes, a background job deletes the incomplete copy. Throws `not-found`, `trashed`,
 * `permission-denied` for a root folder, `cyclical-move`, `name-in-use`, `name-invalid`, `name-too-long`,
 * `quota-exceeded`, `limit-exceeded`, `blocked`, and `unavailable` if the copy was inactive for too long.
 */
export async function copyFolder(context: FileContext, request: FolderToCopy): Promise<ItemRow> {
  const { db, limits, treeBatches } = context;
  const size = await measureTree(db, request.folderId, { max: limits.copyItems });
  const { started, progress, folder } = await treeBatches.run(() =>
    db.transaction().execute(async (tx) => {
      const started = await startCopy(context, tx, request, size);
      const tree = new TreeCopy({ from: request.folderId, to: started.id });
      const items = await copyBatch(context, tx, started, tree, 0);
      return {
        started,
        progress: { tree, items },
        folder: tree.isDone ? await finishCopy(context, tx, request, started) : undefined,
      };
    }),
  );
  return folder ?? (await copyRest(context, request, started, progress));
}

/** Copies the remaining batches and inserts the copy into the target folder. */
async function copyRest(
  context: FileContext,
  request: FolderToCopy,
  started: StartedCopy,
  progress: { tree: TreeCopy; items: number },
): Promise<ItemRow> {
  const { db, treeBatches } = context;
  try {
    while (!progress.tree.isDone) {
      progress.items = await treeBatches.run(() =>
        db.transaction().execute(async (tx) => {
          await renewCopy(context, tx, started.job);
          return copyBatch(context, tx, started, progress.tree, progress.items);
        }),
      );
    }
    return await db.transaction().execute(async (tx) => {
      await renewCopy(context, tx, started.job);
      return finishCopy(context, tx, request, started);
    });
  } catch (error) {
    // If this fails too, a background job takes over when the lease expires.
    await abandonJob(db, started.job).catch(() => {});
    throw error;
  }
}

/** Inserts the new folder without a parent, and the job that blocks changes to the original. */
async function startCopy(
  context: FileContext,
  tx: Transaction<Tables>,
  request: FolderToCopy,
  size: TreeSize,
): Promise<StartedCopy> {
  const { userQuota, limits } = context;
  const { caller, folderId, to } = request;
  await lockTree(tx, caller);
  const folder = await getChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch: undefined });
  assertNotRoot(folder);
  const { name = folder.name } = to;
  assertValidName(name);
  await checkTarget(context, tx, request, name, size);
  if (size.items > limits.copyItems) throw tooManyItemsError(limits.copyItems);
  await checkSpace(tx, caller, folder.size, userQuota, { items: size.items + 1, maxItems: limits.items });
  await checkNotCopied(tx, caller, to.folderId);
  if ((await listCopySources(tx, caller)).length >= MAX_COPIES) throw tooManyCopiesError();

  const id = newId<ItemId>();
  const now = context.clock.now();
  await chargeSpace(tx, caller, { items: 1 }, undefined, limits.items);
  await tx
    .insertInto('items')
    .values(newItemRow({ ...copiedColumns(folder), id, folderId: null, name, by: caller, now }))
    .execute();
  const job = await insertJob(
    tx,
    { kind: 'copy', owner_id: caller, root_id: id, source_id: folderId },
    context.clock.lifetimesFrom(),
  );
  return { job, id, name, size };
}

function copiedColumns(folder: FoundItem) {
  return {
    kind: 'folder' as const,
    description: folder.description,
    details: folder.details,
    versionId: null,
    contentCreatedAt: folder.content_created_at,
    contentModifiedAt: folder.content_modified_at,
    size: folder.size,
    childCount: folder.child_count,
  };
}

/** Copies the next items and charges them to the user. Returns the total of copied items, including `copiedBefore`. */
async function copyBatch(
  { userQuota, limits, clock }: FileContext,
  tx: Transaction<Tables>,
  { job }: StartedCopy,
  tree: TreeCopy,
  copiedBefore: number,
): Promise<number> {
  const by = job.owner_id;
  const { items, bytes } = await tree.copyBatch(tx, { by, now: clock.now() });
  if (copiedBefore + items > limits.copyItems) throw tooManyItemsError(limits.copyItems);
  await chargeSpace(tx, by, { used: bytes, items }, userQuota, limits.items);
  return copiedBefore + items;
}

/** Inserts the complete copy into the target folder. It is visible once the transaction commits. */
async function finishCopy(
  context: FileContext,
  tx: Transaction<Tables>,
  request: FolderToCopy,
  { job, id, name, size }: StartedCopy,
): Promise<ItemRow> {
  const { caller, to } = request;
  await checkTarget(context, tx, request, name, size);
  await deleteJob(tx, job);
  const copy = await tx
    .updateTable('items')
    .set({ parent_id: to.folderId })
    .where('id', '=', id)
    .returning('size')
    .executeTakeFirstOrThrow();
  await updateFolderTotals(tx, to.folderId, { items: 1, bytes: copy.size });
  return getFolder(tx, caller, id);
}

/** Verifies that the target folder can take the copy under this name. */
async function checkTarget(
  context: FileContext,
  tx: Transaction<Tables>,
  { caller, folderId, to }: FolderToCopy,
  name: string,
  { height }: TreeSize,
): Promise<void> {
  const target = await getFolder(tx, caller, to.folderId);
  const path = await findPath(tx, to.folderId);
  if (path.some((above) => above.id === folderId)) throw cyclicalFolderError();
  assertDepth(context, target, height);
  const conflict = await findNameConflict(tx, { folderId: to.folderId, name });
  if (conflict !== undefined) throw nameInUseError(conflict, { asArray: true });
}

async function renewCopy({ clock }: FileContext, tx: Transaction<Tables>, job: TreeJob): Promise<void> {
  await lockTree(tx, job.owner_id);
  if (await renewJob(tx, job, clock.lifetimesFrom())) return;
  throw new DomainError(
    'unavailable',
    'The copy was canceled because it was inactive for too long, or because its user is being deleted. Try again.',
    { retryAfterSeconds: 5 },
  );
}

function tooManyItemsError(max: number): DomainError {
  return limitReached(
    'copyItems',
    `The folder has more than ${max} files and folders, the maximum for one copy. Copy its subfolders one by one.`,
    { most: max },
  );
}

function tooManyCopiesError(): DomainError {
  return new DomainError(
    'blocked',
    `This user is already copying ${MAX_COPIES} folders. Try again when one of the copies is complete.`,
    { retryAfterSeconds: 5 },
  );
}
