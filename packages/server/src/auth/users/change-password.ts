import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { revokeUserTokens } from '../tokens/revoke-tokens.ts';
import { hashPassword } from './password.ts';
import { getUserByLogin } from './store.ts';

/** Gives a user another password. Whoever got in with the old one is out: their tokens end. Throws where there is no such user. */
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
