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

/** Bytes that lie sealed in the store and have no name yet. */
export interface NewBlob {
  blob: BlobId;
  size: number;
  sha1: Sha1;
  by: UserId;
  now: Millis;
  /** The time by which locks have expired or not; `now` by default. */
  locksAt?: Millis;
  /** When the client says that the content was made: for a new file now, for a new version as before by default. */
  contentCreatedAt?: Millis;
  /** When the client says that the content was last changed; now by default. */
  contentModifiedAt?: Millis;
  /** How many bytes were reserved for it, which are given back as it takes its own. */
  reserved?: number;
  /** How many bytes a user may keep, for what goes beyond that. */
  userQuota?: number | undefined;
  /** How many items a user may have. */
  maxItems: number;
}

export interface Published {
  fileId: ItemId;
  versionId: VersionId;
}

/**
 * Gives sealed bytes their name in a folder: from the end of the transaction on they are a file. Refuses `not_found`
 * and `trashed` for the folder, `item_name_in_use`, `item_name_invalid`, `storage_limit_exceeded`.
 */
export async function publishNewFile(
  tx: Transaction<Tables>,
  place: { folderId: ItemId; name: string; description?: string; details?: Partial<ItemDetails> },
  made: NewBlob,
): Promise<Published> {
  assertValidName(place.name);
  await chargeSpace(tx, made.by, chargeOf(made), made.userQuota, made.maxItems);
  await getFolder(tx, made.by, place.folderId);
  const published = { fileId: newId<ItemId>(), versionId: newId<VersionId>() };
  await insertItem(tx, {
    id: published.fileId,
    kind: 'file',
    folderId: place.folderId,
    name: place.name,
    description: place.description ?? '',
    details: withDetails('', place.details ?? {}),
    versionId: published.versionId,
    by: made.by,
    now: made.now,
    contentCreatedAt: made.contentCreatedAt ?? made.now,
    contentModifiedAt: made.contentModifiedAt ?? made.now,
    size: made.size,
  });
  await insertVersion(tx, published, { ...made, name: place.name });
  return published;
}

/**
 * Makes sealed bytes the current version of a file, under a new name where one is given. Refuses `not_found`,
 * `trashed`, `item_name_in_use`, `item_name_invalid`, `storage_limit_exceeded`; `precondition_failed` where `ifMatch`
 * names another state of the file, or there is none; `access_denied_item_locked`.
 */
export async function publishNewVersion(
  tx: Transaction<Tables>,
  fileId: ItemId,
  change: VersionChange,
  made: NewBlob,
): Promise<Published> {
  const { ifMatch } = change;
  await chargeSpace(tx, made.by, chargeOf(made), made.userQuota, made.maxItems);
  const file = await getChangeable(tx, { kind: 'file', owner: made.by, id: fileId, ifMatch });
  await assertUnlocked(tx, { fileId, caller: made.by, now: made.locksAt ?? made.now });
  const name = change.name ?? file.name;
  if (name !== file.name) await assertNameFree(tx, file, { name });
  const published = { fileId, versionId: newId<VersionId>() };
  await tx
    .updateTable('items')
    .set((row) => ({
      etag: row('etag', '+', 1),
      version_id: published.versionId,
      size: made.size,
      modified_at: made.now,
      modified_by: made.by,
      content_modified_at: made.contentModifiedAt ?? made.now,
      ...(made.contentCreatedAt !== undefined && { content_created_at: made.contentCreatedAt }),
      ...(change.description !== undefined && { description: change.description }),
      ...(change.details !== undefined && { details: withDetails(file.details, change.details) }),
      ...(name !== file.name && { name, name_key: nameKey(name) }),
    }))
    .where('id', '=', fileId)
    .execute();
  await insertVersion(tx, published, { ...made, name });
  await updateFolderTotals(tx, file.parent_id as ItemId, { bytes: made.size - file.size });
  return published;
}

function chargeOf({ size, reserved = 0 }: NewBlob): Charge {
  return { used: size, reserved: -reserved, items: 1 };
}
