import type { UserId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { Tables, UserRole, UserRow } from '../../database/schema.ts';
import { DomainError } from '../../errors.ts';
import type { FileContext } from '../../files/context.ts';
import { removeTree, TreeRemoval } from '../../files/remove-tree.ts';
import { lockTree } from '../../files/tree.ts';
import { abandonJob, acquireOverdueJob, insertJob, isBeingDeleted } from '../../files/tree-jobs.ts';
import type { UploadContext } from '../../uploads/context.ts';
import type { AuthContext } from '../context.ts';
import { revokeUserTokens } from '../tokens/revoke-tokens.ts';
import { assertAdministers, isKeptByServer } from './administrator.ts';
import { removeUser } from './remove.ts';
import { findUser } from './store.ts';

interface DeleteUserDeps {
  auth: AuthContext;
  files: FileContext;
  uploads: UploadContext;
}

/**
 * Deletes a user for good: tokens, uploads and, with `force`, all files and folders, also from the trash. From the first
 * transaction on the user can do nothing any more; the rest follows in batches that let others through, the user's own row
 * last. A crash leaves the rest to the sweep. Refuses `not_found`; `bad_request` without `force` where anything is left;
 * the developer and the users of apps as `access_denied_insufficient_permissions`, and who is not for this administrator
 * to delete (`assertAdministers`).
 * @param request `by` says how far the caller administers.
 */
export async function deleteUser(
  deps: DeleteUserDeps,
  userId: UserId,
  { force, by }: { force: boolean; by: UserRole },
): Promise<void> {
  const { auth: context } = deps;
  const { job, tokens } = await context.db.transaction().execute(async (tx) => {
    await lockTree(tx, userId);
    const user = await findUser(tx, userId);
    if (user === undefined || (await isBeingDeleted(tx, userId)))
      throw new DomainError('not-found', 'There is no such user.');
    await assertAdministers(tx, by, user);
    if (await isKeptByServer(tx, user)) throw userStays();
    if (!force && (await ownsAnything(tx, user))) throw ownsFiles();
    await tx.updateTable('users').set({ status: 'inactive' }).where('id', '=', userId).execute();
    const tokens = await revokeUserTokens(tx, userId);
    const deletion = { kind: 'delete-user' as const, owner_id: userId, root_id: user.root_id };
    return { job: await insertJob(tx, deletion, context.clock.lifetimesFrom()), tokens };
  });
  context.tokens.deleteAll(tokens);
  await removeUser(deps, job);
}

/** Whatever a user owns lies below their root, also what is in the trash. */
async function ownsAnything(tx: Transaction<Tables>, user: UserRow): Promise<boolean> {
  const item = await tx.selectFrom('items').select('id').where('parent_id', '=', user.root_id).executeTakeFirst();
  return item !== undefined || (await hasOpenSessions(tx, user.id));
}

async function hasOpenSessions(tx: Transaction<Tables>, userId: UserId): Promise<boolean> {
  const sessions = tx.selectFrom('upload_sessions').select('id').where('owner_id', '=', userId);
  return (await sessions.where('state', '=', 'open').executeTakeFirst()) !== undefined;
}

function userStays(): DomainError {
  return new DomainError(
    'permission-denied',
    'The developer and the users of apps cannot be deleted: the server needs them.',
  );
}

function ownsFiles(): DomainError {
  return new DomainError(
    'invalid-request',
    'User has managed content: files, folders, a trash or uploads. Empty them first, or delete all of it with force=true.',
  );
}

/** Batches of one round of the sweep, which has other work too; the next round does the rest. */
const BATCHES_A_ROUND = 1_000;

/**
 * Ends what processes that are gone, or requests that had waited long enough, have left: trees that are deleted in
 * batches, copies that did not become whole, users.
 * @returns How many it ended.
 */
export async function finishTreeJobs(
  deps: DeleteUserDeps,
  { batches = BATCHES_A_ROUND, signal }: { batches?: number; signal?: AbortSignal } = {},
): Promise<number> {
  const { files } = deps;
  let ended = 0;
  while (!signal?.aborted) {
    const job = await acquireOverdueJob(files.db, files.clock.expiryTime());
    if (job === undefined) break;
    const done =
      job.kind === 'delete-user'
        ? await removeUser(deps, job, { batches, ...(signal && { signal }) })
        : await removeTree(files, job, new TreeRemoval(job), { batches, signal });
    if (!done) {
      await abandonJob(files.db, job);
      break;
    }
    ended += 1;
  }
  return ended;
}
