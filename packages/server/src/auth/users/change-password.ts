import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { revokeUserTokens } from '../tokens/revoke-tokens.ts';
import { hashPassword } from './password.ts';
import { getUserByLogin } from './store.ts';

/**
 * Sets a user's password and revokes their tokens, so that no one who knew the old password stays logged in. Throws a
 * message for the operator if the user does not exist or the password is invalid.
 */
export async function changePassword(
  db: Kysely<Tables>,
  { login, password }: { login: string; password: string },
): Promise<void> {
  const passwordHash = await hashPassword(password);
  await db.transaction().execute(async (tx) => {
    const user = await getUserByLogin(tx, login);
    await tx.updateTable('users').set({ password_hash: passwordHash }).where('id', '=', user.id).execute();
    await revokeUserTokens(tx, user.id);
  });
}
