import { isStillGood } from '../../time/clock.ts';
import { type ClientSecret, findClient } from '../apps/find-client.ts';
import type { Access } from '../context.ts';
import { scopesOfRow } from '../scopes.ts';
import { hashSecret } from '../secrets.ts';
import { endGrant } from '../tokens/end.ts';
import type { GrantedToken } from '../tokens/granted-token.ts';
import { issueTokenPair } from '../tokens/issue.ts';
import { CODE_MILLIS } from './authorize.ts';
import { verifies } from './code-challenge.ts';
import { GrantError } from './errors.ts';
import { findCode, useCode } from './store.ts';

export interface CodeToExchange {
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
export async function grantForCode(
  access: Access,
  client: ClientSecret,
  { code, redirectUri, codeVerifier }: CodeToExchange,
): Promise<GrantedToken> {
  const app = await findClient(access, client);
  const codeSha256 = hashSecret(code);
  const now = access.clock.now();
  const row = await findCode(access.db, codeSha256);
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
  const granted = await access.db.transaction().execute(async (tx) => {
    if (!(await useCode(tx, codeSha256, now))) return undefined;
    const grantee = { userId: row.user_id, clientId: row.client_id, scopes: scopesOfRow(row.scopes) };
    return issueTokenPair(tx, grantee, { now: access.clock.lifetimesFrom(), grantId: row.grant_id });
  });
  if (granted !== undefined) return granted;
  access.cache.deleteAll(await endGrant(access.db, row.grant_id));
  throw invalidCode();
}

function invalidCode(): GrantError {
  return new GrantError(
    'invalid_grant',
    "The authorization code is invalid, has expired or doesn't belong to this client",
  );
}
