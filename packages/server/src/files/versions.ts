import type { BlobId, ItemId, Millis, Sha1, UserId, VersionId } from '@partway/protocol/ids';
import type { ItemDetails } from '@partway/protocol/item-details';
import { nameKey } from '@partway/protocol/names';
import type { Kysely, Transaction } from 'kysely';
import type { ItemRow, Tables, VersionRow } from '../database/schema.ts';
import { newId } from '../database/values.ts';
import { DomainError } from '../errors.ts';
import { inBatches } from '../util/batches.ts';
import { checkPlace } from './check-place.ts';
import type { FileContext } from './context.ts';
import { findVersion } from './find.ts';
import { getChangeable } from './get-item.ts';
import { assertUnlocked } from './locks.ts';
import { assertNameFree, assertValidName } from './names.ts';
import { chargeSpace } from './quota.ts';
import { lockTree, updateFolderTotals } from './tree.ts';

/**
 * Adds a copy of a past version as the new current version, and gives the file the name that it had then. Both versions
 * share the blob. If the version is already the current one, nothing changes. Returns the ID of the current version.
 * Throws `not-found`, `trashed`, `name-in-use`, `quota-exceeded`, `precondition-failed`, and `item-locked`.
 */
export async function promoteVersion(
  { db, clock, userQuota, limits }: FileContext,
  request: VersionRef,
): Promise<VersionId> {
  const { caller, fileId } = request;
  const at = clock.now();
  return db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const { file, version } = await getVersion(tx, request);
    await assertUnlocked(tx, { fileId, caller, now: clock.expiryTime() });
    if (version.id === file.version_id) return version.id;
    if (version.trashed_at !== null) {
      throw new DomainError('trashed', 'This version is in the trash. Restore it first.');
    }
    const { name, size, sha1, blob_id: blob } = version;
    if (name !== file.name) await assertNameFree(tx, file, { name });
    await chargeSpace(tx, caller, { used: size, items: 1 }, userQuota, limits.items);
    const versionId = newId<VersionId>();
    await insertVersion(tx, { fileId, versionId }, { blob, name, size, sha1, by: caller, now: at });
    await tx
      .updateTable('items')
      .set((row) => ({
        etag: row('etag', '+', 1),
        version_id: versionId,
        size,
        name,
        name_key: nameKey(name),
        modified_at: at,
        modified_by: caller,
        content_modified_at: at,
      }))
      .where('id', '=', fileId)
      .execute();
    await updateFolderTotals(tx, file.parent_id as ItemId, { bytes: size - file.size });
    return versionId;
  });
}

interface NewVersion {
  blob: BlobId;
  name: string;
  size: number;
  sha1: Sha1;
  by: UserId;
  now: Millis;
}

/** Adds a version to a file, with the next version number. The tree must be locked. */
export async function insertVersion(
  tx: Transaction<Tables>,
  { fileId, versionId }: { fileId: ItemId; versionId: VersionId },
  version: NewVersion,
): Promise<void> {
  await tx
    .insertInto('versions')
    .values(({ selectFrom, fn, val }) => ({
      id: versionId,
      file_id: fileId,
      blob_id: version.blob,
      name: version.name,
      size: version.size,
      sha1: version.sha1,
      created_at: version.now,
      created_by: version.by,
      number: selectFrom('versions')
        .select((last) => last(fn.coalesce(fn.max('number'), val(0)), '+', 1).as('number'))
        .where('file_id', '=', fileId),
    }))
    .execute();
}

export interface VersionRef {
  caller: UserId;
  fileId: ItemId;
  versionId: VersionId;
  ifMatch?: string | undefined;
}

/**
 * Gets a file of the caller and one of its versions. The version can be in the trash, the file cannot. Throws
 * `not-found`, `trashed`, and `precondition-failed`.
 */
export async function getVersion(
  db: Kysely<Tables>,
  { caller, fileId, versionId, ifMatch }: VersionRef,
): Promise<{ file: ItemRow; version: VersionRow }> {
  const file = await getChangeable(db, { kind: 'file', owner: caller, id: fileId, ifMatch });
  const version = await findVersion(db, file, versionId);
  if (version === undefined) throw new DomainError('not-found', 'The version does not exist.');
  return { file, version };
}

/** Changes to a file that come with a new version. They apply only if the file's etag matches `ifMatch`. */
export interface VersionChange {
  name?: string;
  description?: string;
  details?: Partial<ItemDetails>;
  ifMatch?: string;
}

/**
 * Verifies that a new version could be published now. Throws the errors of `publishNewVersion`, except for quota and
 * locks.
 */
export async function checkVersion(
  db: Kysely<Tables>,
  owner: UserId,
  fileId: ItemId,
  { name, ifMatch }: VersionChange,
): Promise<void> {
  const file = await getChangeable(db, { kind: 'file', owner, id: fileId, ifMatch });
  if (name === undefined || name === file.name) return;
  assertValidName(name);
  await checkPlace(db, { owner, folderId: file.parent_id as ItemId, name, except: fileId });
}

/** Finds the current versions of these files. The key is the file's ID; folders are skipped. */
export async function findVersions(
  db: Kysely<Tables>,
  items: readonly ItemRow[],
): Promise<ReadonlyMap<ItemId, VersionRow>> {
  const ids = items.flatMap(({ version_id: id }) => id ?? []);
  const rows = await inBatches(ids, (batch) =>
    db.selectFrom('versions').selectAll().where('id', 'in', batch).execute(),
  );
  return new Map(rows.map((row) => [row.file_id, row]));
}

/** Lists the past versions of a file, newest first, including those in the trash. `total` counts all of them. */
export async function listVersions(
  db: Kysely<Tables>,
  file: ItemRow,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ versions: VersionRow[]; total: number }> {
  const past = db.selectFrom('versions').where('file_id', '=', file.id).where('id', '!=', file.version_id);
  const versions = await past.selectAll().orderBy('number', 'desc').offset(offset).limit(limit).execute();
  const { total } = await past.select(({ fn }) => fn.countAll().as('total')).executeTakeFirstOrThrow();
  return { versions, total: Number(total) };
}

/**
 * Moves a past version to the trash. It keeps its blob until it is purged, or its file is. Throws
 * `not-found`, `trashed`, `precondition-failed`, `item-locked`, and `invalid-request` for the current version.
 */
export async function trashVersion({ db, clock }: FileContext, request: VersionRef): Promise<void> {
  const { caller, fileId } = request;
  // Its retention counts from then.
  const at = clock.lifetimesFrom();
  await db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const { file, version } = await getVersion(tx, request);
    await assertUnlocked(tx, { fileId, caller, now: clock.expiryTime() });
    if (version.id === file.version_id) {
      throw new DomainError('invalid-request', 'The current version cannot be deleted. Promote another version first.');
    }
    if (version.trashed_at !== null) throw new DomainError('trashed', 'This version is already in the trash.');
    await tx
      .updateTable('versions')
      .set({ trashed_at: at, trashed_by: caller, restored_at: null, restored_by: null })
      .where('id', '=', version.id)
      .execute();
  });
}

/** Restores a version from the trash. Throws `not-found`, `trashed` for its file, `not-trashed`, and `item-locked`. */
export async function restoreVersion({ db, clock }: FileContext, request: VersionRef): Promise<VersionRow> {
  const { caller, fileId } = request;
  const at = clock.now();
  return db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const { version } = await getVersion(tx, request);
    await assertUnlocked(tx, { fileId, caller, now: clock.expiryTime() });
    if (version.trashed_at === null) throw new DomainError('not-trashed', 'This version is not in the trash.');
    const restored = { trashed_at: null, trashed_by: null, restored_at: at, restored_by: caller };
    await tx.updateTable('versions').set(restored).where('id', '=', version.id).execute();
    return { ...version, ...restored };
  });
}
