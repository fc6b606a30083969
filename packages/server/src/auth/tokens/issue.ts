import { randomBytes } from 'node:crypto';
import type { Millis, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemRow, Tables } from '../../database/schema.ts';
import { REFRESH_MILLIS, TOKEN_SECONDS } from '../context.ts';
import { inactiveUserError } from '../grants/errors.ts';
import { type Scope, scopesToRow } from '../scopes.ts';
import { newSecret } from '../secrets.ts';
import { findUser } from '../users/store.ts';
import { insertRefreshToken, insertToken } from './store.ts';

/** The user, app and scopes of tokens to issue. */
interface Grantee {
  userId: UserId;
  clientId: string;
  scopes?: readonly Scope[] | undefined;
}

export function newGrantId(): string {
  return randomBytes(16).toString('hex');
}

/** Issues an access token. Throws `invalid_grant` if the user is inactive. */
export async function issueToken(
  db: Kysely<Tables>,
  { userId, clientId, scopes }: Grantee,
  { now, grantId = newGrantId() }: { now: Millis; grantId?: string },
): Promise<GrantedToken> {
  if ((await findUser(db, userId))?.status === 'inactive') throw inactiveUserError();
  const accessToken = newSecret();
  const expiresAt = now + TOKEN_SECONDS * 1000;
  await insertToken(db, accessToken, { grantId, userId, clientId, scopes, restrictedTo: undefined, expiresAt });
  return { accessToken, expiresInSeconds: TOKEN_SECONDS };
}

/** Issues an access token and a refresh token. Throws `invalid_grant` if the user is inactive. */
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

/** The result of a grant. */
export interface GrantedToken {
  accessToken: string;
  expiresInSeconds: number;
  refreshToken?: string;
  /** For a downscoped token: its scopes, and the item if the request restricted the token to one. */
  downscoped?: { scopes: readonly Scope[]; item: ItemRow | undefined };
}
