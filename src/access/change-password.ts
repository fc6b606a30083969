import type { Kysely } from 'kysely';
import type { Tables } from '../sql/tables.ts';
import { endTokensOf } from './end-tokens.ts';
import { hashPassword } from './passwords.ts';
import { findUserByLogin } from './records.ts';

/** Gives a user another password. Whoever got in with the old one is out: their tokens end. Throws where there is no such user. */
export async function changePassword(
  db: Kysely<Tables>,
  { login, password }: { login: string; password: string },
): Promise<void> {
  const passwordHash = await hashPassword(password);
  await db.transaction().execute(async (tx) => {
    const user = await findUserByLogin(tx, login);
    if (user === undefined) throw new Error(`There is no user with the login ${login}: partway user list shows all.`);
    await tx.updateTable('users').set({ password_hash: passwordHash }).where('id', '=', user.id).execute();
    await tx.deleteFrom('authorization_codes').where('user_id', '=', user.id).execute();
    await endTokensOf(tx, user.id);
  });
}
