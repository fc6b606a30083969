import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { Developer } from '../context.ts';
import { hashSecret } from '../secrets.ts';
import { findUserByLogin, insertUser, toPrincipal } from './store.ts';

export const DEVELOPER_LOGIN = 'developer@partway.local';

/** Gets the user of the developer token, who is created at the first start. */
export async function ensureDeveloper(db: Kysely<Tables>, token: string, now: Millis): Promise<Developer> {
  const user =
    (await findUserByLogin(db, DEVELOPER_LOGIN)) ??
    (await insertUser(db, { login: DEVELOPER_LOGIN, name: 'Developer', now })) ??
    (await findUserByLogin(db, DEVELOPER_LOGIN));
  if (user === undefined) throw new Error('The developer user could be neither found nor created.');
  return {
    authority: {
      principal: toPrincipal(user),
      clientId: undefined,
      scopes: undefined,
      restrictedTo: undefined,
      canImpersonate: false,
    },
    tokenSha256: hashSecret(token),
  };
}
