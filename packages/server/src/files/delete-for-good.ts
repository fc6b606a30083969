import type { Files } from './context.ts';
import { dropContents } from './drop-contents.ts';
import { needTrashed, type Trashed } from './find-trashed.ts';
import { holdTree } from './hold-tree.ts';
import { removeTree, TreeRemoval } from './remove-tree.ts';
import { checkNotCopied, insertJob, leaveJob } from './tree-jobs.ts';

/** How many batches a request waits for, so that it ends soon; what is more the sweep deletes. */
const BATCHES_AT_ONCE = 100;

/**
 * Deletes a file, or a folder with all that went along with it, out of the trash. From the first transaction on nobody
 * sees any of it, and if it is small, that is the only one. Else the rest follows in batches that let others through, and
 * a crash leaves it to the sweep. Rows go before the bytes that no version names any more. What went to the trash by
 * itself out of such a folder stays there, and would be restored to the root. Refuses `not_found`, `not_trashed`, and
 * `operation_blocked_temporary` while something in it is being copied.
 */
export async function deleteForGood(files: Files, trashed: Trashed): Promise<void> {
  const { caller, id } = trashed;
  const { job, removal, contents } = await files.db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    await needTrashed(tx, trashed);
    await checkNotCopied(tx, caller, id, { orBelow: true });
    const detached = { parent_id: null, trashed_at: null, trashed_with: null };
    await tx.updateTable('items').set(detached).where('id', '=', id).execute();
    const job = await insertJob(tx, { kind: 'delete', owner_id: caller, root_id: id }, files.clock.lifetimesFrom());
    const removal = new TreeRemoval(job);
    return { job, removal, contents: await removal.deleteRows(tx) };
  });
  await dropContents(files, contents);
  if (!(await removeTree(files, job, removal, { batches: BATCHES_AT_ONCE }))) await leaveJob(files.db, job);
}
