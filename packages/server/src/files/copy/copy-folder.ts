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

/** Copies of one user that may be under way at the same time. */
const MOST_COPIES = 2;

interface Begun {
  job: TreeJob;
  /** The top of the copy, which is in no folder yet. */
  id: ItemId;
  name: string;
  size: TreeSize;
}

/**
 * Copies a folder with all that is in it, whole or not at all; no byte is copied. Nobody sees the copy before its last
 * transaction puts it into its folder, and nothing in the original changes until then. What is small is one transaction;
 * what is larger is built in batches that let others through, and what a crash leaves of it the sweep deletes. Refuses
 * `not_found`, `trashed`, a root folder, `cyclical_folder_structure`, `item_name_in_use`, `item_name_invalid`,
 * `storage_limit_exceeded`, `operation_limit_exceeded`, `operation_blocked_temporary`.
 */
export async function copyFolder(context: FileContext, request: FolderToCopy): Promise<ItemRow> {
  const { db, limits, turns } = context;
  const size = await measureTree(db, request.folderId, { most: limits.copyItems });
  const { begun, copy, folder } = await turns.run(() =>
    db.transaction().execute(async (tx) => {
      const begun = await begin(context, tx, request, size);
      const copy = new TreeCopy({ from: request.folderId, to: begun.id });
      const items = await copyBatch(context, tx, begun, copy, 0);
      return {
        begun,
        copy: { tree: copy, items },
        folder: copy.isDone ? await finish(context, tx, request, begun) : undefined,
      };
    }),
  );
  return folder ?? (await copyRest(context, request, begun, copy));
}

/** The batches after the first, and the transaction that puts the copy into its folder. */
async function copyRest(
  context: FileContext,
  request: FolderToCopy,
  begun: Begun,
  copy: { tree: TreeCopy; items: number },
): Promise<ItemRow> {
  const { db, turns } = context;
  try {
    while (!copy.tree.isDone) {
      copy.items = await turns.run(() =>
        db.transaction().execute(async (tx) => {
          await renew(context, tx, begun.job);
          return copyBatch(context, tx, begun, copy.tree, copy.items);
        }),
      );
    }
    return await db.transaction().execute(async (tx) => {
      await renew(context, tx, begun.job);
      return finish(context, tx, request, begun);
    });
  } catch (error) {
    // Should this fail too, the sweep takes the job once its lease is over.
    await abandonJob(db, begun.job).catch(() => {});
    throw error;
  }
}

/** Makes the top of the copy, which is in no folder, and holds on to the original. */
async function begin(
  context: FileContext,
  tx: Transaction<Tables>,
  request: FolderToCopy,
  size: TreeSize,
): Promise<Begun> {
  const { userQuota, limits } = context;
  const { caller, folderId, to } = request;
  await lockTree(tx, caller);
  const folder = await getChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch: undefined });
  assertNotRoot(folder);
  const { name = folder.name } = to;
  assertValidName(name);
  await checkTarget(context, tx, request, name, size);
  if (size.items > limits.copyItems) throw tooManyToCopy(limits.copyItems);
  await checkSpace(tx, caller, folder.size, userQuota, { items: size.items + 1, mostItems: limits.items });
  await checkNotCopied(tx, caller, to.folderId);
  if ((await listCopySources(tx, caller)).length >= MOST_COPIES) throw tooManyCopies();

  const id = newId<ItemId>();
  const now = context.clock.now();
  await chargeSpace(tx, caller, { items: 1 }, undefined, limits.items);
  await tx
    .insertInto('items')
    .values(newItemRow({ ...visibleName(folder), id, folderId: null, name, by: caller, now }))
    .execute();
  const job = await insertJob(
    tx,
    { kind: 'copy', owner_id: caller, root_id: id, source_id: folderId },
    context.clock.lifetimesFrom(),
  );
  return { job, id, name, size };
}

function visibleName(folder: FoundItem) {
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

/** Copies the next items, which count as the user's from now on. Gives how many have been copied in all. */
async function copyBatch(
  { userQuota, limits, clock }: FileContext,
  tx: Transaction<Tables>,
  { job }: Begun,
  copy: TreeCopy,
  before: number,
): Promise<number> {
  const by = job.owner_id;
  const { items, bytes } = await copy.copyBatch(tx, { by, now: clock.now() });
  if (before + items > limits.copyItems) throw tooManyToCopy(limits.copyItems);
  await chargeSpace(tx, by, { used: bytes, items }, userQuota, limits.items);
  return before + items;
}

/** Puts the copy, which is whole, into its folder. From the end of this transaction on it is there. */
async function finish(
  context: FileContext,
  tx: Transaction<Tables>,
  request: FolderToCopy,
  { job, id, name, size }: Begun,
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

/** Refuses a folder that the copy cannot go into, or not with this name. */
async function checkTarget(
  context: FileContext,
  tx: Transaction<Tables>,
  { caller, folderId, to }: FolderToCopy,
  name: string,
  { height }: TreeSize,
): Promise<void> {
  const into = await getFolder(tx, caller, to.folderId);
  const path = await findPath(tx, to.folderId);
  if (path.some((above) => above.id === folderId)) throw cyclicalFolderError();
  assertDepth(context, into, height);
  const namesake = await findNameConflict(tx, { folderId: to.folderId, name });
  if (namesake !== undefined) throw nameInUseError(namesake, { asArray: true });
}

async function renew({ clock }: FileContext, tx: Transaction<Tables>, job: TreeJob): Promise<void> {
  await lockTree(tx, job.owner_id);
  if (await renewJob(tx, job, clock.lifetimesFrom())) return;
  throw new DomainError(
    'unavailable',
    'The copy was given up because the server heard nothing of it for too long, or its user is being deleted. Copy again.',
    { retryAfterSeconds: 5 },
  );
}

function tooManyToCopy(most: number): DomainError {
  return limitReached(
    'copyItems',
    `One copy takes ${most} files and folders at most, and there are more in it: copy what is in it, folder by folder.`,
    { most },
  );
}

function tooManyCopies(): DomainError {
  return new DomainError(
    'blocked',
    `This user copies ${MOST_COPIES} folders already: send this again when one of them is done.`,
    { retryAfterSeconds: 5 },
  );
}
