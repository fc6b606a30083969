import type { Transaction } from 'kysely';
import type { AppRow, Tables, UserRow } from '../../database/schema.ts';
import { lockTree } from '../../files/tree.ts';
import { revokeAppTokens } from '../tokens/revoke-tokens.ts';
import { beginDeletion, hasContent } from '../users/delete.ts';
import { removeUser, type UserDeletionDeps } from '../users/remove.ts';
import { findUser } from '../users/store.ts';
import { type ConfidentialApp, getChangeableApp } from './store.ts';

/**
 * What happens to an app's service user: deleted, but only if it has no files or uploads (`delete-empty`); deleted with
 * all its files (`delete`); or kept as an ordinary user with its files (`keep`).
 */
export type ServiceUserFate = 'delete-empty' | 'delete' | 'keep';

/**
 * Removes an app with its secret, keys and redirect URIs, and revokes all tokens that were issued to it, also those for
 * other users. Files that it created for other users stay. The app itself is removed in one transaction. The rest of its
 * service user follows in batches, and a background job of the server continues after a crash. Throws a message for the
 * operator if there is no such app, or if its service user has content and `serviceUser` is `delete-empty`.
 */
export async function removeApp(
  deps: UserDeletionDeps,
  clientId: string,
  { serviceUser: fate }: { serviceUser: ServiceUserFate },
): Promise<{ app: AppRow; serviceUser: UserRow }> {
  const { auth } = deps;
  const { app, serviceUser, tokens, job } = await auth.db.transaction().execute(async (tx) => {
    const app = await getChangeableApp(tx, clientId);
    const serviceUser = await lockServiceUser(tx, app);
    if (fate === 'delete-empty' && (await hasContent(tx, serviceUser))) throw hasContentError(serviceUser);
    const tokens = await deleteAppRows(tx, clientId);
    if (fate === 'keep') return { app, serviceUser, tokens };
    const deletion = await beginDeletion(tx, serviceUser, auth.clock.lifetimesFrom());
    return { app, serviceUser, tokens: [...tokens, ...deletion.tokens], job: deletion.job };
  });
  auth.tokens.deleteAll(tokens);
  if (job !== undefined) await removeUser(deps, job);
  return { app, serviceUser };
}

async function lockServiceUser(tx: Transaction<Tables>, app: ConfidentialApp): Promise<UserRow> {
  await lockTree(tx, app.service_user_id);
  const user = await findUser(tx, app.service_user_id);
  if (user === undefined) throw new Error(`The service user of the app ${app.client_id} does not exist.`);
  return user;
}

/** Deletes an app with everything that refers to it. Returns the hashes of its access tokens. */
async function deleteAppRows(tx: Transaction<Tables>, clientId: string): Promise<string[]> {
  const tokens = await revokeAppTokens(tx, clientId);
  await tx.deleteFrom('used_assertions').where('client_id', '=', clientId).execute();
  await tx.deleteFrom('apps').where('client_id', '=', clientId).execute();
  return tokens;
}

function hasContentError({ login }: UserRow): Error {
  return new Error(
    `The service user of the app (${login}) has files, trashed items or uploads. To delete them too, add --force. To keep them and their user, add --keep-user.`,
  );
}
