import type { ItemId, UserId, VersionId } from '@partway/protocol/ids';
import { newId } from '../../database/values.ts';
import { DomainError } from '../../errors.ts';
import { getFolder } from '../check-place.ts';
import type { FileContext } from '../context.ts';
import { findVersion } from '../find.ts';
import { getChangeable } from '../get-item.ts';
import { insertItem } from '../items.ts';
import { assertValidName } from '../names.ts';
import { chargeSpace } from '../quota.ts';
import { lockTree } from '../tree.ts';
import { insertVersion } from '../versions.ts';

interface FileToCopy {
  caller: UserId;
  fileId: ItemId;
  /** Undefined for the current version. */
  versionId: VersionId | undefined;
  to: { folderId: ItemId; name?: string };
}

/**
 * Creates a file from a version of another one. No bytes are copied: the two versions share a blob, which exists as
 * long as one of them does. Throws `not-found`, `trashed`, `name-in-use`, `name-invalid`, `name-too-long`, and
 * `quota-exceeded`.
 */
export async function copyFile(
  { db, clock, userQuota, limits }: FileContext,
  { caller, fileId, versionId, to }: FileToCopy,
): Promise<ItemId> {
  const at = clock.now();
  const copy = { fileId: newId<ItemId>(), versionId: newId<VersionId>() };
  await db.transaction().execute(async (tx) => {
    // With the lock, no other transaction can delete the version.
    await lockTree(tx, caller);
    const file = await getChangeable(tx, { kind: 'file', owner: caller, id: fileId, ifMatch: undefined });
    const version = await findVersion(tx, file, versionId);
    if (version === undefined) throw new DomainError('not-found', 'The version does not exist.');
    if (version.trashed_at !== null) throw new DomainError('trashed', 'This version is in the trash.');
    await getFolder(tx, caller, to.folderId);
    const name = to.name ?? file.name;
    assertValidName(name);
    await chargeSpace(tx, caller, { used: version.size, items: 1 }, userQuota, limits.items);
    await insertItem(tx, {
      id: copy.fileId,
      kind: 'file',
      folderId: to.folderId,
      name,
      description: file.description,
      details: file.details,
      versionId: copy.versionId,
      by: caller,
      now: at,
      contentCreatedAt: file.content_created_at,
      contentModifiedAt: file.content_modified_at,
      size: version.size,
    });
    const { blob_id: blob, size, sha1 } = version;
    await insertVersion(tx, copy, { blob, name, size, sha1, by: caller, now: at });
  });
  return copy.fileId;
}
