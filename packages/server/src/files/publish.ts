import type { BlobId, ItemId, Millis, Sha1, UserId, VersionId } from '@partway/protocol/ids';
import { type ItemDetails, withDetails } from '@partway/protocol/item-details';
import { nameKey } from '@partway/protocol/names';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { newId } from '../database/values.ts';
import { getFolder } from './check-place.ts';
import { getChangeable } from './get-item.ts';
import { insertItem } from './items.ts';
import { assertUnlocked } from './locks.ts';
import { assertNameFree, assertValidName } from './names.ts';
import { type Charge, chargeSpace } from './quota.ts';
import { updateFolderTotals } from './tree.ts';
import { insertVersion, type VersionChange } from './versions.ts';

/** A complete blob in the store that no version references yet. */
export interface NewBlob {
  blob: BlobId;
  size: number;
  sha1: Sha1;
  by: UserId;
  now: Millis;
  /** The time that decides whether locks have expired. Defaults to `now`. */
  locksAt?: Millis;
  /** As stated by the client. A new file defaults to `now`; a new version keeps the file's date. */
  contentCreatedAt?: Millis;
  /** As stated by the client. Defaults to `now`. */
  contentModifiedAt?: Millis;
  /** Bytes reserved for this blob. Publishing releases them and charges the actual size instead. */
  reserved?: number;
  /** Default quota, in bytes, for users without their own. */
  userQuota?: number | undefined;
  /** Limit of folders and file versions per user. */
  maxItems: number;
}

export interface Published {
  fileId: ItemId;
  versionId: VersionId;
}

/**
 * Creates a file from a complete blob. The file exists once the transaction commits. Throws `not-found` or `trashed`
 * for the folder, `name-in-use`, `name-invalid`, `name-too-long`, and `quota-exceeded`.
 */
export async function publishNewFile(
  tx: Transaction<Tables>,
  place: { folderId: ItemId; name: string; description?: string; details?: Partial<ItemDetails> },
  newBlob: NewBlob,
): Promise<Published> {
  assertValidName(place.name);
  await chargeSpace(tx, newBlob.by, toCharge(newBlob), newBlob.userQuota, newBlob.maxItems);
  await getFolder(tx, newBlob.by, place.folderId);
  const published = { fileId: newId<ItemId>(), versionId: newId<VersionId>() };
  await insertItem(tx, {
    id: published.fileId,
    kind: 'file',
    folderId: place.folderId,
    name: place.name,
    description: place.description ?? '',
    details: withDetails('', place.details ?? {}),
    versionId: published.versionId,
    by: newBlob.by,
    now: newBlob.now,
    contentCreatedAt: newBlob.contentCreatedAt ?? newBlob.now,
    contentModifiedAt: newBlob.contentModifiedAt ?? newBlob.now,
    size: newBlob.size,
  });
  await insertVersion(tx, published, { ...newBlob, name: place.name });
  return published;
}

/**
 * Makes a complete blob the current version of a file, and renames the file if `change` has a name. Throws `not-found`,
 * `trashed`, `name-in-use`, `name-invalid`, `name-too-long`, `quota-exceeded`, `item-locked`, and `precondition-failed`
 * if `ifMatch` does not match the file's etag or the file does not exist.
 */
export async function publishNewVersion(
  tx: Transaction<Tables>,
  fileId: ItemId,
  change: VersionChange,
  newBlob: NewBlob,
): Promise<Published> {
  const { ifMatch } = change;
  await chargeSpace(tx, newBlob.by, toCharge(newBlob), newBlob.userQuota, newBlob.maxItems);
  const file = await getChangeable(tx, { kind: 'file', owner: newBlob.by, id: fileId, ifMatch });
  await assertUnlocked(tx, { fileId, caller: newBlob.by, now: newBlob.locksAt ?? newBlob.now });
  const name = change.name ?? file.name;
  if (name !== file.name) await assertNameFree(tx, file, { name });
  const published = { fileId, versionId: newId<VersionId>() };
  await tx
    .updateTable('items')
    .set((row) => ({
      etag: row('etag', '+', 1),
      version_id: published.versionId,
      size: newBlob.size,
      modified_at: newBlob.now,
      modified_by: newBlob.by,
      content_modified_at: newBlob.contentModifiedAt ?? newBlob.now,
      ...(newBlob.contentCreatedAt !== undefined && { content_created_at: newBlob.contentCreatedAt }),
      ...(change.description !== undefined && { description: change.description }),
      ...(change.details !== undefined && { details: withDetails(file.details, change.details) }),
      ...(name !== file.name && { name, name_key: nameKey(name) }),
    }))
    .where('id', '=', fileId)
    .execute();
  await insertVersion(tx, published, { ...newBlob, name });
  await updateFolderTotals(tx, file.parent_id as ItemId, { bytes: newBlob.size - file.size });
  return published;
}

function toCharge({ size, reserved = 0 }: NewBlob): Charge {
  return { used: size, reserved: -reserved, items: 1 };
}
