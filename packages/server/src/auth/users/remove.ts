import type { UserId } from '@partway/protocol/ids';
import type { TreeDeletionContext } from '../../files/context.ts';
import { removeTree, TreeRemoval } from '../../files/remove-tree.ts';
import { lockTree } from '../../files/tree.ts';
import { acquireJobs, deleteJob, type TreeJob } from '../../files/tree-jobs.ts';
import type { UploadContext } from '../../uploads/context.ts';
import { deleteStagedBytes, forgetSession, type SessionMemory } from '../../uploads/end-session.ts';
import { sessionFromRow } from '../../uploads/session.ts';
import { deleteOpenSession, deleteParts } from '../../uploads/session-store.ts';
import type { AuthContext } from '../context.ts';
import { revokeUserTokens } from '../tokens/revoke-tokens.ts';

const SESSIONS_PER_QUERY = 100;

/** What deleting a user uses: a part of the contexts of a server, which a command can create as well. */
export interface UserDeletionDeps {
  auth: Pick<AuthContext, 'db' | 'tokens' | 'clock'>;
  files: TreeDeletionContext;
  uploads: Pick<UploadContext, 'db' | 'blobs'> & SessionMemory;
}

/**
 * Deletes everything of an inactive user: uploads, then the tree in batches, then the user's row. Returns whether all
 * of it is deleted; false if `signal` or `batches` ended it early.
 */
export async function removeUser(
  deps: UserDeletionDeps,
  job: TreeJob,
  { batches = Number.POSITIVE_INFINITY, signal }: { batches?: number; signal?: AbortSignal } = {},
): Promise<boolean> {
  const { auth, files, uploads } = deps;
  const { owner_id: owner } = job;
  await deleteSessions(uploads, owner);
  for (const other of await acquireJobs(auth.db, owner)) {
    if (!(await removeTree(files, other, new TreeRemoval(other), { batches, signal }))) return false;
  }
  if (!(await removeTree(files, job, new TreeRemoval(job), { batches, signal }))) return false;

  const tokens = await auth.db.transaction().execute(async (tx) => {
    await lockTree(tx, owner);
    await tx.deleteFrom('locks').where('created_by', '=', owner).execute();
    await tx.deleteFrom('upload_sessions').where('owner_id', '=', owner).execute();
    await deleteJob(tx, job);
    const revoked = await revokeUserTokens(tx, owner);
    await tx.deleteFrom('users').where('id', '=', owner).execute();
    return revoked;
  });
  auth.tokens.deleteAll(tokens);
  return true;
}

async function deleteSessions(uploads: UserDeletionDeps['uploads'], owner: UserId): Promise<void> {
  const { db } = uploads;
  for (;;) {
    const rows = await db
      .selectFrom('upload_sessions')
      .selectAll()
      .where('owner_id', '=', owner)
      .limit(SESSIONS_PER_QUERY)
      .execute();
    for (const session of rows.map(sessionFromRow)) {
      if (session.state === 'open' && (await deleteOpenSession(db, session.id))) {
        forgetSession(uploads, session.id);
        await deleteStagedBytes(uploads, session.staged);
        continue;
      }
      await deleteParts(db, session.id);
      await db.deleteFrom('upload_sessions').where('id', '=', session.id).where('state', '!=', 'open').execute();
    }
    if (rows.length < SESSIONS_PER_QUERY) return;
  }
}
