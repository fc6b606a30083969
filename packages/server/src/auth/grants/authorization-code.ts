import { createHash, timingSafeEqual } from 'node:crypto';
import { isStillGood } from '../../time/clock.ts';
import { type ClientSecret, getClient } from '../apps/get-client.ts';
import { isPublicClient } from '../apps/public-client.ts';
import type { AuthContext } from '../context.ts';
import { scopesFromRow } from '../scopes.ts';
import { hashSecret } from '../secrets.ts';
import { type GrantedToken, issueTokenPair } from '../tokens/issue.ts';
import { revokeGrant } from '../tokens/revoke-tokens.ts';
import { CODE_MILLIS } from './authorize.ts';
import { GrantError } from './errors.ts';
import { findCode, useCode } from './store.ts';

interface CodeToExchange {
  code: string;
  redirectUri: string | undefined;
  codeVerifier?: string | undefined;
}

/**
 * The `authorization_code` grant: tokens for the code from a login. A code works once. If it is used again, the tokens
 * issued for it are revoked, because one of the two clients must have stolen it. Throws `invalid_client` and
 * `invalid_grant`.
 * @param request `redirectUri` is optional, because Box's SDKs omit it; if set, it must be the URI that the code was
 * sent to. `codeVerifier` (PKCE) is required if the authorization request had a challenge, and rejected if it had none.
 */
export async function exchangeCode(
  context: AuthContext,
  client: ClientSecret,
  { code, redirectUri, codeVerifier }: CodeToExchange,
): Promise<GrantedToken> {
  const app = await getClient(context, client, { orPublic: true });
  const codeSha256 = hashSecret(code);
  const now = context.clock.now();
  const row = await findCode(context.db, codeSha256);
  if (row === undefined || row.client_id !== app.client_id || !isStillGood(row.expires_at, CODE_MILLIS, now)) {
    throw invalidCodeError();
  }
  if (redirectUri !== undefined && redirectUri !== row.redirect_uri) throw invalidCodeError();
  const isUnproven = isPublicClient(app) && row.code_challenge === null;
  if (isUnproven || !matchesChallenge(codeVerifier, row.code_challenge)) {
    throw new GrantError(
      'invalid_grant',
      'The code_verifier does not match the code_challenge of the authorization request',
    );
  }
  const granted = await context.db.transaction().execute(async (tx) => {
    if (!(await useCode(tx, codeSha256, now))) return undefined;
    const grantee = { userId: row.user_id, clientId: row.client_id, scopes: scopesFromRow(row.scopes) };
    return issueTokenPair(tx, grantee, { now: context.clock.lifetimesFrom(), grantId: row.grant_id });
  });
  if (granted !== undefined) return granted;
  context.tokens.deleteAll(await revokeGrant(context.db, row.grant_id));
  throw invalidCodeError();
}

function invalidCodeError(): GrantError {
  return new GrantError(
    'invalid_grant',
    "The authorization code is invalid, has expired or doesn't belong to this client",
  );
}

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/;

/** The PKCE parameters of an authorization request. */
interface ChallengeRequest {
  challenge: string | undefined;
  method: string | undefined;
}

/**
 * Returns what is wrong with the PKCE parameters, as a message for the app's developer, or undefined if they are valid
 * or absent. A public client must have them. The method `plain`, also the default (RFC 7636, section 4.3), is rejected:
 * anyone who can read the URL could use the code.
 */
export function findChallengeFault(
  { challenge, method }: ChallengeRequest,
  { isRequired = false } = {},
): string | undefined {
  if (challenge === undefined && isRequired) return 'this client must send a code_challenge';
  if (challenge === undefined)
    return method === undefined ? undefined : 'code_challenge_method requires a code_challenge';
  if (method !== 'S256') return 'code_challenge_method must be S256';
  return CHALLENGE.test(challenge) ? undefined : 'code_challenge must be 43 characters of base64url';
}

/**
 * Whether the verifier matches the challenge of the authorization request (RFC 7636, S256). A verifier without a
 * challenge does not: an attacker could have removed the challenge from the request (RFC 9700, section 4.8.2).
 */
function matchesChallenge(verifier: string | undefined, challenge: string | null): boolean {
  if (challenge === null || verifier === undefined) return challenge === null && verifier === undefined;
  if (!VERIFIER.test(verifier)) return false;
  const actual = Buffer.from(createHash('sha256').update(verifier).digest('base64url'));
  const expected = Buffer.from(challenge);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
