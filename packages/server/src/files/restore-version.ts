import { Refusal } from '@partway/protocol/errors';
import type { VersionRow } from '../database/schema.ts';
import { checkLock } from './check-lock.ts';
import type { Files } from './context.ts';
import { holdTree } from './hold-tree.ts';
import { type NamedVersion, needVersion } from './need-version.ts';

/** Takes a version out of the trash. Refuses `not_found`, `trashed` for its file, `not_trashed`, `access_denied_item_locked`. */
export async function restoreVersion({ db, clock }: Files, request: NamedVersion): Promise<VersionRow> {
  const { caller, fileId } = request;
  const at = clock.now();
  return db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const { version } = await needVersion(tx, request);
    await checkLock(tx, { fileId, caller, now: clock.expiryTime() });
    if (version.trashed_at === null) throw new Refusal('not_trashed', 'This version is not in the trash.');
    const restored = { trashed_at: null, trashed_by: null, restored_at: at, restored_by: caller };
    await tx.updateTable('versions').set(restored).where('id', '=', version.id).execute();
    return { ...version, ...restored };
  });
}
