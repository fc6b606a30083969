import { Refusal } from '@partway/protocol/errors';
import { checkLock } from './check-lock.ts';
import type { Files } from './context.ts';
import { holdTree } from './hold-tree.ts';
import { type NamedVersion, needVersion } from './need-version.ts';

/**
 * Puts a past version in the trash, where it stays, with its bytes, until it is restored or its file is deleted for good.
 * Refuses `not_found`, `trashed`, `precondition_failed`, `access_denied_item_locked`, and the current version as
 * `bad_request`.
 */
export async function trashVersion({ db, clock }: Files, request: NamedVersion): Promise<void> {
  const { caller, fileId } = request;
  const at = clock.now();
  await db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const { file, version } = await needVersion(tx, request);
    await checkLock(tx, { fileId, caller, now: clock.expiryTime() });
    if (version.id === file.version_id) {
      throw new Refusal('bad_request', 'The current version cannot be deleted: promote another first.');
    }
    if (version.trashed_at !== null) throw new Refusal('trashed', 'This version is in the trash already.');
    await tx
      .updateTable('versions')
      .set({ trashed_at: at, trashed_by: caller, restored_at: null, restored_by: null })
      .where('id', '=', version.id)
      .execute();
  });
}
