import type { UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { type ClientSecret, getClient } from '../apps/get-client.ts';
import type { Authority } from '../authority.ts';
import { type AuthContext, TOKEN_SECONDS } from '../context.ts';
import { getResource, isWithinRestriction } from '../resource.ts';
import { parseScopes, permissionsFor, type Scope } from '../scopes.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { type GrantedToken, newGrantId } from '../tokens/issue.ts';
import { findToken, insertToken, type StoredToken } from '../tokens/store.ts';
import { GrantError, inactiveUser } from './errors.ts';

export interface ExchangeRequest {
  /** The generated SDKs leave it out: whoever has the token can do all that it can anyway. */
  client: ClientSecret | undefined;
  subjectToken: string;
  scope: string;
  resource: string | undefined;
  /** Told whose token it is, before anything is made of it; what it throws comes out. */
  admit?: (user: UserId) => void;
}

/**
 * A token that can do less than the one it is made from, and ends with it at the latest (wire: "Tokens", token exchange;
 * RFC 8693). Refuses `invalid_grant`, `invalid_scope`, `invalid_resource`, `invalid_client`.
 */
export async function exchangeToken(context: AuthContext, request: ExchangeRequest): Promise<GrantedToken> {
  const { client, subjectToken, scope, resource } = request;
  const app = client && (await getClient(context, client));
  const now = context.clock.lifetimesFrom();
  return context.db.transaction().execute(async (tx) => {
    const subject = await holdSubject(context, tx, subjectToken);
    const { authority } = subject;
    request.admit?.(authority.principal.userId);
    // One that belongs to no app, as the developer's, is anybody's who has it.
    const clientId = authority.clientId ?? app?.client_id;
    if (app !== undefined && clientId !== app.client_id) throw invalidSubject();
    const scopes = narrowed(authority, scope);
    const item = resource === undefined ? undefined : await boundItem(tx, authority, resource);
    const accessToken = newSecret();
    const expiresAt = Math.min(subject.expiresAt, now + TOKEN_SECONDS * 1000);
    await insertToken(tx, accessToken, {
      grantId: subject.grantId,
      userId: authority.principal.userId,
      clientId,
      scopes,
      restrictedTo: item?.id ?? authority.restrictedTo,
      expiresAt,
      parentSha256: subject.tokenSha256,
    });
    const expiresInSeconds = Math.floor((expiresAt - now) / 1000);
    return { accessToken, expiresInSeconds, downscoped: { scopes, item } };
  });
}

interface Subject extends Pick<StoredToken, 'authority' | 'grantId' | 'expiresAt'> {
  /** Undefined for the developer token, which is in no row. */
  tokenSha256: string | undefined;
}

/** The token to be narrowed, which is not revoked until the transaction ends; then what was made of it goes with it. */
async function holdSubject(context: AuthContext, tx: Kysely<Tables>, token: string): Promise<Subject> {
  const tokenSha256 = hashSecret(token);
  const { authority, tokenSha256: developerSha256 } = context.developer;
  if (tokenSha256 === developerSha256) {
    // Nothing ends it, so what is made of it belongs to nothing.
    return { authority, grantId: newGrantId(), tokenSha256: undefined, expiresAt: Number.POSITIVE_INFINITY };
  }
  // A write that changes nothing takes the row's lock.
  await tx
    .updateTable('access_tokens')
    .set((row) => ({ expires_at: row.ref('expires_at') }))
    .where('token_sha256', '=', tokenSha256)
    .execute();
  const stored = await findToken(tx, tokenSha256);
  if (stored === undefined || stored.expiresAt <= context.clock.expiryTime()) throw invalidSubject();
  if (stored.authority.principal.status === 'inactive') throw inactiveUser();
  return { ...stored, tokenSha256 };
}

function narrowed(subject: Authority, text: string): Scope[] {
  const { known, unknown } = parseScopes(text);
  if (unknown.length > 0) throw new GrantError('invalid_scope', `These scopes are unknown: ${unknown.join(' ')}`);
  if (known.length === 0) throw new GrantError('invalid_scope', 'The scope names no scope');
  const has = permissionsFor(subject.scopes);
  const wider = known.filter((scope) => [...permissionsFor([scope])].some((ability) => !has.has(ability)));
  if (wider.length === 0) return known;
  throw new GrantError('invalid_scope', `The subject token does not have ${wider.join(' ')}`);
}

async function boundItem(tx: Kysely<Tables>, subject: Authority, resource: string) {
  const item = await getResource(tx, subject.principal, resource);
  if (item !== undefined && (await isWithinRestriction(tx, subject, item.id))) return item;
  throw new GrantError('invalid_resource', 'The target resource is invalid.');
}

function invalidSubject(): GrantError {
  return new GrantError('invalid_grant', 'The subject token is invalid or has expired');
}
