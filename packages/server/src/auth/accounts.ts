import { randomBytes } from 'node:crypto';
import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables, UserRow } from '../database/schema.ts';
import { checkRedirectUri } from './apps/redirect-uri.ts';
import { type ConfidentialApp, insertApp } from './apps/store.ts';
import { hashSecret, newSecret } from './secrets.ts';
import { checkLogin, checkUserName, insertUser } from './users/store.ts';

// Adds users and apps on the command line. Errors are messages for the operator.

/**
 * Creates a user with an empty root folder. Throws if the login is in use, or if the login or the name is invalid.
 * @param user `spaceQuota` is in bytes; -1 means no limit, and undefined the server's default.
 */
export async function addUser(
  db: Kysely<Tables>,
  user: { login: string; name: string; now: Millis; spaceQuota?: number | undefined },
): Promise<UserRow> {
  checkUserName(user.name);
  checkLogin(user.login);
  const row = await insertUser(db, user);
  if (row === undefined) throw new Error(`The login ${user.login} is already in use. Choose another one.`);
  return row;
}

export interface NewApp {
  app: ConfidentialApp;
  /** Only its hash is stored, so it cannot be shown again. */
  clientSecret: string;
  serviceUser: UserRow;
}

interface AppToAdd {
  name: string;
  now: Millis;
  /** Whether it can impersonate any user with the As-User header. */
  asUser?: boolean;
  /** Where the browser can be sent after a login. */
  redirectUris?: readonly string[];
}

/** Creates an app and its service user, as which it acts for itself. Throws if a redirect URI is invalid. */
export async function addApp(db: Kysely<Tables>, { name, now, asUser, redirectUris = [] }: AppToAdd): Promise<NewApp> {
  for (const uri of redirectUris) checkRedirectUri(uri);
  const clientId = randomBytes(16).toString('hex');
  const clientSecret = newSecret();
  const serviceUser = await addUser(db, { login: `app-${clientId}@partway.local`, name, now });
  const app: ConfidentialApp = {
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
