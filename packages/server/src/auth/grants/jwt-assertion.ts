import type { Millis } from '@partway/protocol/ids';
import { decodeProtectedHeader, errors, importSPKI, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { AppKeyRow, AppRow } from '../../database/schema.ts';
import { type ClientSecret, getClient, getSubject } from '../apps/get-client.ts';
import { listAppKeys } from '../apps/store.ts';
import type { AuthContext } from '../context.ts';
import { type GrantedToken, issueToken } from '../tokens/issue.ts';
import { GrantError } from './errors.ts';
import { insertUsedAssertion } from './store.ts';

/**
 * The JWT bearer grant (RFC 7523): a token for an app that signs with a registered key and knows its secret. Throws
 * `invalid_client` and `invalid_grant`.
 * @param request `audiences` are the URLs of this server's token endpoint; Box's is accepted as well.
 */
export async function exchangeAssertion(
  context: AuthContext,
  client: ClientSecret,
  { assertion, audiences }: { assertion: string; audiences: readonly string[] },
): Promise<GrantedToken> {
  const app = await getClient(context, client);
  const claims = await verifyAssertion(context, app, assertion, audiences);
  const user = await getSubject(context, app, claims.subject);
  const { jti, expiresAt } = claims;
  if (!(await insertUsedAssertion(context.db, { client_id: app.client_id, jti, expires_at: expiresAt }))) {
    throw new GrantError('invalid_grant', "Please check the 'jti' claim. A unique 'jti' value is required.");
  }
  return issueToken(context.db, { userId: user.id, clientId: app.client_id }, { now: context.clock.lifetimesFrom() });
}

/** Box's SDKs have this audience built in, regardless of the server that they are configured for. */
const BOX_AUDIENCE = 'https://api.box.com/oauth2/token';
const ALGORITHMS = ['RS256', 'RS384', 'RS512'];
const MAX_LIFETIME_SECONDS = 60;
/** Allowed difference between the clocks of client and server. */
const LEEWAY_SECONDS = 10;

interface AssertionClaims {
  subject: { type: string; id: string };
  jti: string;
  /** From this time on, the assertion is rejected as expired. */
  expiresAt: Millis;
}

/** Verifies an assertion and returns its claims. Throws `invalid_grant` and names the claim that is wrong. */
async function verifyAssertion(
  { db, clock }: AuthContext,
  app: AppRow,
  assertion: string,
  audiences: readonly string[],
): Promise<AssertionClaims> {
  const options: JWTVerifyOptions = {
    algorithms: ALGORITHMS,
    issuer: app.client_id,
    audience: [BOX_AUDIENCE, ...audiences],
    clockTolerance: LEEWAY_SECONDS,
    currentDate: new Date(clock.now()),
    requiredClaims: ['exp', 'jti', 'sub', 'box_sub_type'],
  };
  try {
    const { kid, alg } = parseHeader(assertion);
    const keys = await listAppKeys(db, app.client_id, kid);
    return checkClaims(await verifyWithAnyKey(keys, (key) => verifyWith(key, alg, assertion, options)), clock.now());
  } catch (error) {
    throw toGrantError(error);
  }
}

function parseHeader(assertion: string): { kid: string | undefined; alg: string } {
  try {
    const { kid, alg } = decodeProtectedHeader(assertion) as Record<string, unknown>;
    if (typeof alg === 'string' && (kid === undefined || typeof kid === 'string')) return { kid, alg };
  } catch {
    // Handled below, like a header of another shape.
  }
  throw invalidAssertion('The assertion is not a signed JWT.');
}

/** Box's generated SDKs omit the `kid` from the header, so the assertion can be signed with any key of the app. */
async function verifyWithAnyKey(
  keys: readonly AppKeyRow[],
  verify: (key: AppKeyRow) => Promise<JWTPayload>,
): Promise<JWTPayload> {
  for (const key of keys) {
    try {
      return await verify(key);
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw invalidAssertion("The assertion was not signed with a key of the app. Please check the 'kid'.");
}

async function verifyWith(
  key: AppKeyRow,
  alg: string,
  assertion: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  if (!ALGORITHMS.includes(alg)) throw new errors.JOSEAlgNotAllowed();
  return (await jwtVerify(assertion, await importSPKI(key.public_key, alg), options)).payload;
}

function checkClaims({ exp, jti, sub, box_sub_type: type }: JWTPayload, now: Millis): AssertionClaims {
  // `jwtVerify` has checked that `exp` exists and is a number.
  const expires = exp ?? 0;
  if (expires > now / 1000 + MAX_LIFETIME_SECONDS + LEEWAY_SECONDS) {
    throw invalidAssertion(`Please check the 'exp' claim: it can be at most ${MAX_LIFETIME_SECONDS} seconds from now.`);
  }
  if (typeof jti !== 'string' || jti.length < 16 || jti.length > 128) {
    throw invalidAssertion("Please check the 'jti' claim: it must have 16 to 128 characters.");
  }
  if (typeof sub !== 'string' || typeof type !== 'string') {
    throw invalidAssertion("Please check the 'sub' and 'box_sub_type' claims.");
  }
  return { subject: { type, id: sub }, jti, expiresAt: (expires + LEEWAY_SECONDS) * 1000 };
}

function toGrantError(error: unknown): unknown {
  if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) {
    return invalidAssertion(`Please check the '${error.claim}' claim.`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return invalidAssertion(`The assertion must be signed with one of these algorithms: ${ALGORITHMS.join(', ')}.`);
  }
  if (error instanceof errors.JOSEError) {
    return invalidAssertion('The assertion is not a JWT that was signed with a key of the app.');
  }
  return error;
}

function invalidAssertion(message: string): GrantError {
  return new GrantError('invalid_grant', message);
}
