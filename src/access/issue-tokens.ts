import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Millis, UserId } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';
import { REFRESH_MILLIS, TOKEN_SECONDS } from './access.ts';
import { inactiveUser } from './grant-error.ts';
import type { GrantedToken } from './granted-token.ts';
import { findUser } from './records.ts';
import { type Scope, scopesToRow } from './scopes.ts';
import { newSecret } from './secrets.ts';
import { insertRefreshToken, insertToken } from './token-records.ts';

/** Who gets tokens, and for what. */
export interface Grantee {
  userId: UserId;
  clientId: string;
  scopes?: readonly Scope[] | undefined;
}

export function newGrantId(): string {
  return randomBytes(16).toString('hex');
}

/** An access token for an app that can come back with its own secret at any time. Refuses an inactive user. */
export async function issueToken(
  db: Kysely<Tables>,
  { userId, clientId, scopes }: Grantee,
  { now, grantId = newGrantId() }: { now: Millis; grantId?: string },
): Promise<GrantedToken> {
  if ((await findUser(db, userId))?.status === 'inactive') throw inactiveUser();
  const accessToken = newSecret();
  const expiresAt = now + TOKEN_SECONDS * 1000;
  await insertToken(db, accessToken, { grantId, userId, clientId, scopes, boundTo: undefined, expiresAt });
  return { accessToken, expiresInSeconds: TOKEN_SECONDS };
}

/** An access token, and a refresh token that brings the next two. */
export async function issueTokenPair(
  db: Kysely<Tables>,
  grantee: Grantee,
  { now, grantId }: { now: Millis; grantId: string },
): Promise<GrantedToken> {
  const refreshToken = newSecret();
  await insertRefreshToken(db, refreshToken, {
    grant_id: grantId,
    user_id: grantee.userId,
    client_id: grantee.clientId,
    scopes: scopesToRow(grantee.scopes),
    expires_at: now + REFRESH_MILLIS,
  });
  return { ...(await issueToken(db, grantee, { now, grantId })), refreshToken };
}
