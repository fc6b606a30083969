import { Refusal } from '@partway/protocol/errors';
import type { ItemId, VersionId } from '@partway/protocol/ids';
import { newId } from '../database/values.ts';
import { checkLock } from './check-lock.ts';
import type { Files } from './context.ts';
import { holdTree } from './hold-tree.ts';
import { insertVersion } from './insert-version.ts';
import { nameKey } from './names.ts';
import { type NamedVersion, needVersion } from './need-version.ts';
import { chargeSpace } from './quota.ts';
import { takeName } from './take-name.ts';
import { tally } from './tree.ts';

/**
 * Puts a copy of a past version on top of a file's versions, with the name that it had; no byte is copied. The current
 * version stays what it is. Refuses `not_found`, `trashed`, `item_name_in_use`, `storage_limit_exceeded`,
 * `precondition_failed`, `access_denied_item_locked`. Gives the version that is current then.
 */
export async function promoteVersion(
  { db, clock, userQuota, limits }: Files,
  request: NamedVersion,
): Promise<VersionId> {
  const { caller, fileId } = request;
  const at = clock.now();
  return db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const { file, version } = await needVersion(tx, request);
    await checkLock(tx, { fileId, caller, now: clock.expiryTime() });
    if (version.id === file.version_id) return version.id;
    if (version.trashed_at !== null) throw new Refusal('trashed', 'This version is in the trash: restore it first.');
    const { name, size, sha1, content_id: content } = version;
    if (name !== file.name) await takeName(tx, file, { name });
    await chargeSpace(tx, caller, { used: size, items: 1 }, userQuota, limits.items);
    const versionId = newId<VersionId>();
    await insertVersion(tx, { fileId, versionId }, { content, name, size, sha1, by: caller, now: at });
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
    await tally(tx, file.parent_id as ItemId, { bytes: size - file.size });
    return versionId;
  });
}
