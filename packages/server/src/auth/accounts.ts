import { randomBytes } from 'node:crypto';
import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { AppRow, Tables, UserRow } from '../database/schema.ts';
import { checkRedirectUri } from './apps/redirect-uri.ts';
import { insertApp } from './apps/store.ts';
import { hashSecret, newSecret } from './secrets.ts';
import { checkLogin, checkUserName, insertUser } from './users/store.ts';

/**
 * Makes a user with an empty root folder. Throws where the login is taken, and for what can be no login or name.
 * @param user `spaceQuota` in bytes: -1 for no limit, what the server is set to where it is left out.
 */
export async function addUser(
  db: Kysely<Tables>,
  user: { login: string; name: string; now: Millis; spaceQuota?: number | undefined },
): Promise<UserRow> {
  checkUserName(user.name);
  checkLogin(user.login);
  const made = await insertUser(db, user);
  if (made === undefined) throw new Error(`There is a user with the login ${user.login} already: choose another.`);
  return made;
}

export interface NewApp {
  app: AppRow;
  /** Shown once; only its hash is kept. */
  clientSecret: string;
  serviceUser: UserRow;
}

interface AppToAdd {
  name: string;
  now: Millis;
  /** Whether it may act as any user, by the As-User header. */
  asUser?: boolean;
  /** Where a login may lead back to. */
  redirectUris?: readonly string[];
}

/** Makes an app and the user it acts as when it acts for itself. Throws where a redirect address cannot be one. */
export async function addApp(db: Kysely<Tables>, { name, now, asUser, redirectUris = [] }: AppToAdd): Promise<NewApp> {
  for (const uri of redirectUris) checkRedirectUri(uri);
  const clientId = randomBytes(16).toString('hex');
  const clientSecret = newSecret();
  const serviceUser = await addUser(db, { login: `app-${clientId}@partway.local`, name, now });
  const app: AppRow = {
    client_id: clientId,
    name,
    secret_sha256: hashSecret(clientSecret),
    service_user_id: serviceUser.id,
    created_at: now,
    as_user: asUser ? 1 : 0,
  };
  await insertApp(db, app, redirectUris);
  return { app, clientSecret, serviceUser };
}
