import type { Kysely } from 'kysely';
import type { Tables } from '../sql/tables.ts';
import { endTokensOf } from './end-tokens.ts';
import { hashPassword } from './passwords.ts';
import { needUser } from './records.ts';

/** Gives a user another password. Whoever got in with the old one is out: their tokens end. Throws where there is no such user. */
export async function changePassword(
  db: Kysely<Tables>,
  { login, password }: { login: string; password: string },
): Promise<void> {
  const passwordHash = await hashPassword(password);
  await db.transaction().execute(async (tx) => {
    const user = await needUser(tx, login);
    await tx.updateTable('users').set({ password_hash: passwordHash }).where('id', '=', user.id).execute();
    await endTokensOf(tx, user.id);
  });
}
