import type { Kysely } from 'kysely';
import type { Millis } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';
import type { Developer } from './access.ts';
import { findUserByLogin, insertUser, principalOf } from './records.ts';
import { hashSecret } from './secrets.ts';

export const DEVELOPER_LOGIN = 'developer@partway.local';

/** The user whom the developer token belongs to; made at the first start. */
export async function ensureDeveloper(db: Kysely<Tables>, token: string, now: Millis): Promise<Developer> {
  const user =
    (await findUserByLogin(db, DEVELOPER_LOGIN)) ??
    (await insertUser(db, { login: DEVELOPER_LOGIN, name: 'Developer', now })) ??
    (await findUserByLogin(db, DEVELOPER_LOGIN));
  if (user === undefined) throw new Error('the developer user could be neither found nor made');
  return {
    authority: {
      principal: principalOf(user),
      clientId: undefined,
      scopes: undefined,
      boundTo: undefined,
      mayActAs: false,
    },
    tokenSha256: hashSecret(token),
  };
}
