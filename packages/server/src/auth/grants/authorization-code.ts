import { createHash, timingSafeEqual } from 'node:crypto';
import { isStillGood } from '../../time/clock.ts';
import { type ClientSecret, getClient } from '../apps/get-client.ts';
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
 * Tokens for the code that a login brought (wire: "Tokens", `authorization_code`). A code works once: brought again, it
 * ends the tokens that it gave, for one of the two who had it must have stolen it.
 * @param codeVerifier Of PKCE: needed if the code was asked for with a challenge, and refused if it was not.
 * @param redirectUri Box's SDKs leave it out; where it is given it must be the one that the code was sent to.
 */
export async function exchangeCode(
  context: AuthContext,
  client: ClientSecret,
  { code, redirectUri, codeVerifier }: CodeToExchange,
): Promise<GrantedToken> {
  const app = await getClient(context, client);
  const codeSha256 = hashSecret(code);
  const now = context.clock.now();
  const row = await findCode(context.db, codeSha256);
  if (row === undefined || row.client_id !== app.client_id || !isStillGood(row.expires_at, CODE_MILLIS, now)) {
    throw invalidCode();
  }
  if (redirectUri !== undefined && redirectUri !== row.redirect_uri) throw invalidCode();
  if (!verifies(codeVerifier, row.code_challenge)) {
    throw new GrantError(
      'invalid_grant',
      'The code_verifier does not fit the code_challenge of the authorization request',
    );
  }
  const granted = await context.db.transaction().execute(async (tx) => {
    if (!(await useCode(tx, codeSha256, now))) return undefined;
    const grantee = { userId: row.user_id, clientId: row.client_id, scopes: scopesFromRow(row.scopes) };
    return issueTokenPair(tx, grantee, { now: context.clock.lifetimesFrom(), grantId: row.grant_id });
  });
  if (granted !== undefined) return granted;
  context.tokens.deleteAll(await revokeGrant(context.db, row.grant_id));
  throw invalidCode();
}

function invalidCode(): GrantError {
  return new GrantError(
    'invalid_grant',
    "The authorization code is invalid, has expired or doesn't belong to this client",
  );
}

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/;

/** What an authorization request says of PKCE; undefined for what it leaves out. */
interface ChallengeRequest {
  challenge: string | undefined;
  method: string | undefined;
}

/**
 * What is wrong with a PKCE challenge, as a sentence for the app's developer; undefined if nothing is, or there is none.
 * `plain`, which is also what a missing method means (RFC 7636, section 4.3), proves nothing: anyone who reads the address has it.
 */
export function findChallengeFault({ challenge, method }: ChallengeRequest): string | undefined {
  if (challenge === undefined) return method === undefined ? undefined : 'code_challenge_method needs a code_challenge';
  if (method !== 'S256') return 'code_challenge_method must be S256';
  return CHALLENGE.test(challenge) ? undefined : 'code_challenge must be 43 characters of base64url';
}

/**
 * Whether the verifier fits the challenge that the code was asked for with (RFC 7636, S256). If there was no challenge
 * there must be no verifier: somebody took the challenge out of the request on its way (RFC 9700, section 4.8.2).
 */
function verifies(verifier: string | undefined, challenge: string | null): boolean {
  if (challenge === null || verifier === undefined) return challenge === null && verifier === undefined;
  if (!VERIFIER.test(verifier)) return false;
  const given = Buffer.from(createHash('sha256').update(verifier).digest('base64url'));
  const right = Buffer.from(challenge);
  return given.length === right.length && timingSafeEqual(given, right);
}
