import type { UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { type ClientSecret, getClient } from '../apps/get-client.ts';
import type { Authority } from '../authority.ts';
import { type AuthContext, TOKEN_SECONDS } from '../context.ts';
import { findResource, isWithinRestriction } from '../resource.ts';
import { parseScopes, permissionsFor, type Scope } from '../scopes.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { type GrantedToken, newGrantId } from '../tokens/issue.ts';
import { findToken, insertToken, type StoredToken } from '../tokens/store.ts';
import { GrantError, inactiveUserError } from './errors.ts';

export interface ExchangeRequest {
  /** Undefined for Box's generated SDKs, which send no credentials. The subject token is enough authorization. */
  client: ClientSecret | undefined;
  subjectToken: string;
  scope: string;
  resource: string | undefined;
  /** Called with the subject token's user before the exchange. If it throws, the exchange fails with that error. */
  checkUser?: (user: UserId) => void;
}

/**
 * The token exchange grant (RFC 8693): a token with fewer permissions than the subject token. It expires and is revoked
 * with the subject token at the latest. Throws `invalid_grant`, `invalid_scope`, `invalid_resource`, `invalid_client`.
 */
export async function exchangeToken(context: AuthContext, request: ExchangeRequest): Promise<GrantedToken> {
  const { client, subjectToken, scope, resource } = request;
  const app = client && (await getClient(context, client));
  const now = context.clock.lifetimesFrom();
  return context.db.transaction().execute(async (tx) => {
    const subject = await lockSubject(context, tx, subjectToken);
    const { authority } = subject;
    request.checkUser?.(authority.principal.userId);
    // Any app can exchange a token without an app, such as the developer token.
    const clientId = authority.clientId ?? app?.client_id;
    if (app !== undefined && clientId !== app.client_id) throw invalidSubjectError();
    const scopes = parseNarrowedScopes(authority, scope);
    const item = resource === undefined ? undefined : await getRestrictedItem(tx, authority, resource);
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
  /** Undefined for the developer token, which has no row. */
  tokenSha256: string | undefined;
}

/**
 * Gets the subject token and locks its row until the transaction ends. A concurrent revocation waits, and then also
 * finds the new token.
 */
async function lockSubject(context: AuthContext, tx: Kysely<Tables>, token: string): Promise<Subject> {
  const tokenSha256 = hashSecret(token);
  const { authority, tokenSha256: developerSha256 } = context.developer;
  if (tokenSha256 === developerSha256) {
    // The developer token cannot be revoked, so tokens from it form grants of their own.
    return { authority, grantId: newGrantId(), tokenSha256: undefined, expiresAt: Number.POSITIVE_INFINITY };
  }
  // An update without an effect locks the row.
  await tx
    .updateTable('access_tokens')
    .set((row) => ({ expires_at: row.ref('expires_at') }))
    .where('token_sha256', '=', tokenSha256)
    .execute();
  const stored = await findToken(tx, tokenSha256);
  if (stored === undefined || stored.expiresAt <= context.clock.expiryTime()) throw invalidSubjectError();
  if (stored.authority.principal.status === 'inactive') throw inactiveUserError();
  return { ...stored, tokenSha256 };
}

/** Parses scopes, none of which has a permission that the subject token lacks. */
function parseNarrowedScopes(subject: Authority, text: string): Scope[] {
  const { known, unknown } = parseScopes(text);
  if (unknown.length > 0) throw new GrantError('invalid_scope', `Unknown scopes: ${unknown.join(' ')}`);
  if (known.length === 0) throw new GrantError('invalid_scope', 'The scope parameter is empty');
  const permissions = permissionsFor(subject.scopes);
  const wider = known.filter((scope) => [...permissionsFor([scope])].some((each) => !permissions.has(each)));
  if (wider.length === 0) return known;
  throw new GrantError('invalid_scope', `The subject token does not have these scopes: ${wider.join(' ')}`);
}

async function getRestrictedItem(tx: Kysely<Tables>, subject: Authority, resource: string) {
  const item = await findResource(tx, subject.principal, resource);
  if (item !== undefined && (await isWithinRestriction(tx, subject, item.id))) return item;
  throw new GrantError('invalid_resource', 'The target resource is invalid.');
}

function invalidSubjectError(): GrantError {
  return new GrantError('invalid_grant', 'The subject token is invalid or has expired');
}
