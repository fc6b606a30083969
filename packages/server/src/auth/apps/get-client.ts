import { parseDecimalId, type UserId } from '@partway/protocol/ids';
import type { AppRow, UserRow } from '../../database/schema.ts';
import { type AuthContext, ENTERPRISE_ID } from '../context.ts';
import { GrantError } from '../grants/errors.ts';
import { matchesHash } from '../secrets.ts';
import { findUser } from '../users/store.ts';
import { findApp } from './store.ts';

/** The credentials of an app. */
export interface ClientSecret {
  clientId: string;
  /** Undefined for a public client. */
  clientSecret: string | undefined;
}

/**
 * Gets an app by its credentials. Throws `invalid_client`.
 * @param options With `orPublic`, it can be a public client, which has no secret. Whatever it sends must prove who sends it.
 */
export async function getClient(
  { db }: AuthContext,
  { clientId, clientSecret = '' }: ClientSecret,
  { orPublic = false } = {},
): Promise<AppRow> {
  const app = await findApp(db, clientId);
  if (app !== undefined && isAuthentic(app, clientSecret, orPublic)) return app;
  throw new GrantError('invalid_client', 'The client credentials are invalid');
}

function isAuthentic({ secret_sha256: hash }: AppRow, secret: string, orPublic: boolean): boolean {
  return hash === null ? orPublic && secret === '' : matchesHash(secret, hash);
}

/** Gets the user to act as: the app's service user (type `enterprise`) or any user (`user`). Throws `invalid_grant`. */
export async function getSubject(
  { db }: AuthContext,
  app: AppRow,
  { type, id }: { type: string; id: string },
): Promise<UserRow> {
  const user = await findSubject(db, app, type, id);
  if (user !== undefined) return user;
  throw new GrantError(
    'invalid_grant',
    `Grant credentials are invalid: the subject must be "enterprise" with ID ${ENTERPRISE_ID}, or "user" with the ID of a user`,
  );
}

async function findSubject(db: AuthContext['db'], app: AppRow, type: string, id: string): Promise<UserRow | undefined> {
  if (type === 'enterprise' && id === ENTERPRISE_ID && app.service_user_id !== null) {
    return findUser(db, app.service_user_id);
  }
  const userId = type === 'user' ? parseDecimalId(id) : undefined;
  return userId === undefined ? undefined : findUser(db, userId as UserId);
}
