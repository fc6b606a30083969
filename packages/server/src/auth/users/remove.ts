import type { UserId } from '@partway/protocol/ids';
import type { Files } from '../../files/context.ts';
import { removeTree, TreeRemoval } from '../../files/remove-tree.ts';
import { holdTree } from '../../files/tree.ts';
import { deleteJob, type TreeJob, takeJobsOf } from '../../files/tree-jobs.ts';
import type { Uploads } from '../../uploads/context.ts';
import { dropBytes, forget } from '../../uploads/end-session.ts';
import { sessionOfRow } from '../../uploads/session.ts';
import { deleteOpenSession, deletePartsOf } from '../../uploads/session-store.ts';
import type { Access } from '../context.ts';
import { endTokensOf } from '../tokens/end.ts';

const SESSIONS_AT_ONCE = 100;

/**
 * Removes what is left of a user who can do nothing any more: uploads, then the tree in batches, then the user's row.
 * @returns Whether all of it is gone; not if `signal` or the number of batches ended it before.
 */
export async function removeUser(
  rooms: { access: Access; files: Files; uploads: Uploads },
  job: TreeJob,
  { batches = Number.POSITIVE_INFINITY, signal }: { batches?: number; signal?: AbortSignal } = {},
): Promise<boolean> {
  const { access, files, uploads } = rooms;
  const { owner_id: owner } = job;
  await removeSessions(uploads, owner);
  for (const other of await takeJobsOf(access.db, owner)) {
    if (!(await removeTree(files, other, new TreeRemoval(other), { batches, signal }))) return false;
  }
  if (!(await removeTree(files, job, new TreeRemoval(job), { batches, signal }))) return false;

  const tokens = await access.db.transaction().execute(async (tx) => {
    await holdTree(tx, owner);
    await tx.deleteFrom('locks').where('created_by', '=', owner).execute();
    await tx.deleteFrom('upload_sessions').where('owner_id', '=', owner).execute();
    await deleteJob(tx, job);
    const ended = await endTokensOf(tx, owner);
    await tx.deleteFrom('users').where('id', '=', owner).execute();
    return ended;
  });
  access.cache.deleteAll(tokens);
  return true;
}

/** One session in a transaction, with its parts. */
async function removeSessions(uploads: Uploads, owner: UserId): Promise<void> {
  const { db } = uploads;
  for (;;) {
    const rows = await db
      .selectFrom('upload_sessions')
      .selectAll()
      .where('owner_id', '=', owner)
      .limit(SESSIONS_AT_ONCE)
      .execute();
    for (const session of rows.map(sessionOfRow)) {
      if (session.state === 'open' && (await deleteOpenSession(db, session.id))) {
        forget(uploads, session.id);
        await dropBytes(uploads, session.staging);
        continue;
      }
      await deletePartsOf(db, session.id);
      await db.deleteFrom('upload_sessions').where('id', '=', session.id).where('state', '!=', 'open').execute();
    }
    if (rows.length < SESSIONS_AT_ONCE) return;
  }
}
