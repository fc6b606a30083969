import { parseDecimalId, type UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import type { AppRow, UserRow } from '../sql/tables.ts';
import { type Access, ENTERPRISE_ID, TOKEN_SECONDS } from './access.ts';
import { findApp, findUser, insertToken } from './records.ts';
import { hashSecret, matchesHash, newSecret } from './secrets.ts';

export interface ClientCredentials {
  clientId: string;
  clientSecret: string;
  subjectType: string;
  subjectId: string;
}

export interface GrantedToken {
  accessToken: string;
  expiresInSeconds: number;
}

/** An OAuth 2.0 error (RFC 6749, section 5.2): its own names and its own body, so not a `Refusal`. */
export class GrantError extends Error {
  readonly error: string;

  constructor(
    error: 'invalid_client' | 'invalid_grant' | 'invalid_request' | 'unsupported_grant_type',
    message: string,
  ) {
    super(message);
    this.error = error;
  }
}

/**
 * A token for an app that knows its secret: for the app's own user (`enterprise`) or for a user of the server
 * (`user`). Wire: "Tokens", `client_credentials`.
 */
export async function grantToken(access: Access, credentials: ClientCredentials): Promise<GrantedToken> {
  const app = await findApp(access.db, credentials.clientId);
  if (app === undefined || !matchesHash(credentials.clientSecret, app.secret_sha256)) {
    throw new GrantError('invalid_client', 'The client credentials are invalid');
  }
  const user = await subjectOf(access, app, credentials);
  const accessToken = newSecret();
  await insertToken(access.db, {
    token_sha256: hashSecret(accessToken),
    user_id: user.id,
    client_id: app.client_id,
    expires_at: access.now() + TOKEN_SECONDS * 1000,
  });
  return { accessToken, expiresInSeconds: TOKEN_SECONDS };
}

async function subjectOf(access: Access, app: AppRow, { subjectType, subjectId }: ClientCredentials): Promise<UserRow> {
  if (subjectType === 'enterprise' && subjectId === ENTERPRISE_ID) return serviceUser(access, app);
  if (subjectType === 'user') {
    const id = parseDecimalId(subjectId);
    const user = id === undefined ? undefined : await findUser(access.db, id as UserId);
    if (user !== undefined) return user;
  }
  throw new GrantError(
    'invalid_grant',
    `Grant credentials are invalid: box_subject_type must be "enterprise" with box_subject_id ${ENTERPRISE_ID}, or "user" with the id of a user`,
  );
}

async function serviceUser(access: Access, app: AppRow): Promise<UserRow> {
  const user = await findUser(access.db, app.service_user_id);
  if (user === undefined) throw new Refusal('internal_server_error', `app ${app.client_id} has lost its user`);
  return user;
}
