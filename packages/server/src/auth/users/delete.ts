import type { Millis, UserId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { Tables, UserRole, UserRow } from '../../database/schema.ts';
import { DomainError } from '../../errors.ts';
import { removeTree, TreeRemoval } from '../../files/remove-tree.ts';
import { lockTree } from '../../files/tree.ts';
import { abandonJob, acquireOverdueJob, insertJob, isBeingDeleted, type TreeJob } from '../../files/tree-jobs.ts';
import { revokeUserTokens } from '../tokens/revoke-tokens.ts';
import { assertAdministers, isSystemUser } from './administrator.ts';
import { removeUser, type UserDeletionDeps } from './remove.ts';
import { findUser } from './store.ts';

/**
 * Permanently deletes a user with their tokens and uploads and, with `force`, their files and folders, including the
 * trash. The first transaction makes the user inactive. The rest follows in batches between which other requests run,
 * with the user's row last; a background job continues after a crash. Throws `not-found`, `invalid-request` if the user
 * still has files or uploads and `force` is false, `permission-denied` for the developer and service users of apps, and
 * the error of `assertAdministers`.
 * @param request `by` is the caller's role.
 */
export async function deleteUser(
  deps: UserDeletionDeps,
  userId: UserId,
  { force, by }: { force: boolean; by: UserRole },
): Promise<void> {
  const { auth: context } = deps;
  const { job, tokens } = await context.db.transaction().execute(async (tx) => {
    await lockTree(tx, userId);
    const user = await findUser(tx, userId);
    if (user === undefined || (await isBeingDeleted(tx, userId))) {
      throw new DomainError('not-found', 'The user does not exist.');
    }
    await assertAdministers(tx, by, user);
    if (await isSystemUser(tx, user)) throw systemUserError();
    if (!force && (await hasContent(tx, user))) throw hasContentError();
    return beginDeletion(tx, user, context.clock.lifetimesFrom());
  });
  context.tokens.deleteAll(tokens);
  await removeUser(deps, job);
}

/**
 * Makes a user inactive, revokes their tokens and records that they are being deleted. `removeUser` does the rest. The
 * user's tree must be locked.
 */
export async function beginDeletion(
  tx: Transaction<Tables>,
  { id, root_id }: UserRow,
  now: Millis,
): Promise<{ job: TreeJob; tokens: string[] }> {
  await tx.updateTable('users').set({ status: 'inactive' }).where('id', '=', id).execute();
  const tokens = await revokeUserTokens(tx, id);
  return { job: await insertJob(tx, { kind: 'delete-user', owner_id: id, root_id }, now), tokens };
}

/** Whether a user has items, which are all below the root folder even in the trash, or uploads in progress. */
export async function hasContent(tx: Transaction<Tables>, user: UserRow): Promise<boolean> {
  const item = await tx.selectFrom('items').select('id').where('parent_id', '=', user.root_id).executeTakeFirst();
  return item !== undefined || (await hasOpenSessions(tx, user.id));
}

async function hasOpenSessions(tx: Transaction<Tables>, userId: UserId): Promise<boolean> {
  const sessions = tx.selectFrom('upload_sessions').select('id').where('owner_id', '=', userId);
  return (await sessions.where('state', '=', 'open').executeTakeFirst()) !== undefined;
}

function systemUserError(): DomainError {
  return new DomainError(
    'permission-denied',
    'The developer and the service users of apps cannot be deleted. A service user is deleted with its app.',
  );
}

function hasContentError(): DomainError {
  return new DomainError(
    'invalid-request',
    'User has managed content: files, folders, trashed items or uploads. Delete them first, or force the deletion: force=true in the API, --force on the command line.',
  );
}

/** Batches per run of the background job. The next run continues. */
const BATCHES_PER_RUN = 1_000;

/**
 * Continues deletions whose process has ended or whose request did not wait for the end: trees, incomplete copies and
 * users. Returns the number of completed jobs.
 */
export async function finishTreeJobs(
  deps: UserDeletionDeps,
  { batches = BATCHES_PER_RUN, signal }: { batches?: number; signal?: AbortSignal } = {},
): Promise<number> {
  const { files } = deps;
  let finished = 0;
  while (!signal?.aborted) {
    const job = await acquireOverdueJob(files.db, files.clock.expiryTime());
    if (job === undefined) break;
    const isDone =
      job.kind === 'delete-user'
        ? await removeUser(deps, job, { batches, ...(signal && { signal }) })
        : await removeTree(files, job, new TreeRemoval(job), { batches, signal });
    if (!isDone) {
      await abandonJob(files.db, job);
      break;
    }
    finished += 1;
  }
  return finished;
}
