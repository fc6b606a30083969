import type { BlobId, ItemId, Millis, Sha1, UserId, VersionId } from '@partway/protocol/ids';
import type { ItemDetails } from '@partway/protocol/item-details';
import { nameKey } from '@partway/protocol/names';
import type { Kysely, Transaction } from 'kysely';
import type { ItemRow, Tables, VersionRow } from '../database/schema.ts';
import { newId } from '../database/values.ts';
import { DomainError } from '../errors.ts';
import { inBatches } from '../util/chunks.ts';
import { checkPlace } from './check-place.ts';
import type { FileContext } from './context.ts';
import { findVersion } from './find.ts';
import { getChangeable } from './get-item.ts';
import { assertUnlocked } from './locks.ts';
import { assertNameFree, assertValidName } from './names.ts';
import { chargeSpace } from './quota.ts';
import { lockTree, updateFolderTotals } from './tree.ts';

/**
 * Puts a copy of a past version on top of a file's versions, with the name that it had; no byte is copied. The current
 * version stays what it is. Refuses `not_found`, `trashed`, `item_name_in_use`, `storage_limit_exceeded`,
 * `precondition_failed`, `access_denied_item_locked`. Gives the version that is current then.
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
    if (version.trashed_at !== null)
      throw new DomainError('trashed', 'This version is in the trash: restore it first.');
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

/** Adds a version to a file of a tree that is held, with the number after the file's last one. */
export async function insertVersion(
  tx: Transaction<Tables>,
  { fileId, versionId }: { fileId: ItemId; versionId: VersionId },
  made: NewVersion,
): Promise<void> {
  await tx
    .insertInto('versions')
    .values(({ selectFrom, fn, val }) => ({
      id: versionId,
      file_id: fileId,
      blob_id: made.blob,
      name: made.name,
      size: made.size,
      sha1: made.sha1,
      created_at: made.now,
      created_by: made.by,
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

/** A version of a file of the caller's that is in use. Refuses `not_found`, `trashed` and `precondition_failed`. */
export async function getVersion(
  db: Kysely<Tables>,
  { caller, fileId, versionId, ifMatch }: VersionRef,
): Promise<{ file: ItemRow; version: VersionRow }> {
  const file = await getChangeable(db, { kind: 'file', owner: caller, id: fileId, ifMatch });
  const version = await findVersion(db, file, versionId);
  if (version === undefined) throw new DomainError('not-found', 'The file has no such version.');
  return { file, version };
}

/** A change to a file: another name, description and details where they are given, only in the state that `ifMatch` names. */
export interface VersionChange {
  name?: string;
  description?: string;
  details?: Partial<ItemDetails>;
  ifMatch?: string;
}

/** Refuses a new version that could not be published now, as `publishNewVersion` would. */
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

/** The current versions of these files, by file. */
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

/** The past versions of a file, the newest first, also those in the trash; and how many there are. */
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
 * Puts a past version in the trash, where it stays, with its bytes, until it is restored or its file is deleted for good.
 * Refuses `not_found`, `trashed`, `precondition_failed`, `access_denied_item_locked`, and the current version as
 * `bad_request`.
 */
export async function trashVersion({ db, clock }: FileContext, request: VersionRef): Promise<void> {
  const { caller, fileId } = request;
  const at = clock.now();
  await db.transaction().execute(async (tx) => {
    await lockTree(tx, caller);
    const { file, version } = await getVersion(tx, request);
    await assertUnlocked(tx, { fileId, caller, now: clock.expiryTime() });
    if (version.id === file.version_id) {
      throw new DomainError('invalid-request', 'The current version cannot be deleted: promote another first.');
    }
    if (version.trashed_at !== null) throw new DomainError('trashed', 'This version is in the trash already.');
    await tx
      .updateTable('versions')
      .set({ trashed_at: at, trashed_by: caller, restored_at: null, restored_by: null })
      .where('id', '=', version.id)
      .execute();
  });
}

/** Takes a version out of the trash. Refuses `not_found`, `trashed` for its file, `not_trashed`, `access_denied_item_locked`. */
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
