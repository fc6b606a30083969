import { randomBytes } from 'node:crypto';
import type { Millis, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemRow, Tables } from '../../database/schema.ts';
import { REFRESH_MILLIS, TOKEN_SECONDS } from '../context.ts';
import { inactiveUser } from '../grants/errors.ts';
import { type Scope, scopesToRow } from '../scopes.ts';
import { newSecret } from '../secrets.ts';
import { findUser } from '../users/store.ts';
import { insertRefreshToken, insertToken } from './store.ts';

/** Who gets tokens, and for what. */
interface Grantee {
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
  await insertToken(db, accessToken, { grantId, userId, clientId, scopes, restrictedTo: undefined, expiresAt });
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

/** What a client gets for its grant. */
export interface GrantedToken {
  accessToken: string;
  expiresInSeconds: number;
  refreshToken?: string;
  /** For a downscoped token: what it may do, and where, if it was bound anew. */
  downscoped?: { scopes: readonly Scope[]; item: ItemRow | undefined };
}
