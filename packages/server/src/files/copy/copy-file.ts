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
  /** The current one where it is left out. */
  versionId: VersionId | undefined;
  to: { folderId: ItemId; name?: string };
}

/**
 * Makes a file of a version of another. No byte is copied: both versions name the same content, which stays as long as
 * one of them is there. Refuses `not_found`, `trashed`, `item_name_in_use`, `item_name_invalid`, `storage_limit_exceeded`.
 */
export async function copyFile(
  { db, clock, userQuota, limits }: FileContext,
  { caller, fileId, versionId, to }: FileToCopy,
): Promise<ItemId> {
  const at = clock.now();
  const made = { fileId: newId<ItemId>(), versionId: newId<VersionId>() };
  await db.transaction().execute(async (tx) => {
    // From here on nobody deletes the version for good.
    await lockTree(tx, caller);
    const file = await getChangeable(tx, { kind: 'file', owner: caller, id: fileId, ifMatch: undefined });
    const version = await findVersion(tx, file, versionId);
    if (version === undefined) throw new DomainError('not-found', 'The file has no such version.');
    if (version.trashed_at !== null) throw new DomainError('trashed', 'This version is in the trash.');
    await getFolder(tx, caller, to.folderId);
    const name = to.name ?? file.name;
    assertValidName(name);
    await chargeSpace(tx, caller, { used: version.size, items: 1 }, userQuota, limits.items);
    await insertItem(tx, {
      id: made.fileId,
      kind: 'file',
      folderId: to.folderId,
      name,
      description: file.description,
      details: file.details,
      versionId: made.versionId,
      by: caller,
      now: at,
      contentCreatedAt: file.content_created_at,
      contentModifiedAt: file.content_modified_at,
      size: version.size,
    });
    const { blob_id: blob, size, sha1 } = version;
    await insertVersion(tx, made, { blob, name, size, sha1, by: caller, now: at });
  });
  return made.fileId;
}
