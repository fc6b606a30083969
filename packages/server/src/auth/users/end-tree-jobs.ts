import { removeTree, TreeRemoval } from '../../files/remove-tree.ts';
import { leaveJob, takeOverdueJob } from '../../files/tree-jobs.ts';
import type { Rooms } from './delete.ts';
import { removeUser } from './remove.ts';

/** Batches of one round of the sweep, which has other work too; the next round does the rest. */
const BATCHES_A_ROUND = 1_000;

/**
 * Ends what processes that are gone, or requests that had waited long enough, have left: trees that are deleted in
 * batches, copies that did not become whole, users.
 * @returns How many it ended.
 */
export async function endTreeJobs(
  rooms: Rooms,
  { batches = BATCHES_A_ROUND, signal }: { batches?: number; signal?: AbortSignal } = {},
): Promise<number> {
  const { files } = rooms;
  let ended = 0;
  while (!signal?.aborted) {
    const job = await takeOverdueJob(files.db, files.clock.expiryTime());
    if (job === undefined) break;
    const done =
      job.kind === 'delete-user'
        ? await removeUser(rooms, job, { batches, ...(signal && { signal }) })
        : await removeTree(files, job, new TreeRemoval(job), { batches, signal });
    if (!done) {
      await leaveJob(files.db, job);
      break;
    }
    ended += 1;
  }
  return ended;
}
