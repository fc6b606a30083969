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
 * A token for an app that signs with a registered key and knows its secret (wire: "Tokens", JWT bearer; RFC 7523).
 * @param audiences Besides Box's: the addresses of our own token route.
 */
export async function exchangeAssertion(
  context: AuthContext,
  client: ClientSecret,
  { assertion, audiences }: { assertion: string; audiences: readonly string[] },
): Promise<GrantedToken> {
  const app = await getClient(context, client);
  const claims = await verifyAssertion(context, app, assertion, audiences);
  const user = await getSubject(context, app, claims.subject);
  const { jti, refusedFrom } = claims;
  if (!(await insertUsedAssertion(context.db, { client_id: app.client_id, jti, expires_at: refusedFrom }))) {
    throw new GrantError('invalid_grant', "Please check the 'jti' claim. A unique 'jti' value is required.");
  }
  return issueToken(context.db, { userId: user.id, clientId: app.client_id }, { now: context.clock.lifetimesFrom() });
}

/** Box's SDKs have it built in, whatever server they are pointed at. */
const BOX_AUDIENCE = 'https://api.box.com/oauth2/token';
const ALGORITHMS = ['RS256', 'RS384', 'RS512'];
const LONGEST_SECONDS = 60;
/** How far the clocks of client and server may be apart. */
const LEEWAY_SECONDS = 10;

interface AssertionClaims {
  subject: { type: string; id: string };
  jti: string;
  /** When the assertion itself is too old, whoever brings it. */
  refusedFrom: Millis;
}

/** What an assertion says, once it is proven. Refuses `invalid_grant`, with the claim that is wrong. */
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
    const { kid, alg } = headerOf(assertion);
    const keys = await listAppKeys(db, app.client_id, kid);
    return claimsOf(await verifyWithOne(keys, (key) => verifyWith(key, alg, assertion, options)), clock.now());
  } catch (error) {
    throw asGrantError(error);
  }
}

function headerOf(assertion: string): { kid: string | undefined; alg: string } {
  try {
    const { kid, alg } = decodeProtectedHeader(assertion) as Record<string, unknown>;
    if (typeof alg === 'string' && (kid === undefined || typeof kid === 'string')) return { kid, alg };
  } catch {
    // Said below, as for a header of another shape.
  }
  throw wrong('The assertion is not a signed JWT.');
}

/** Box's generated SDKs leave the `kid` out of the header; any key of the app may have signed then. */
async function verifyWithOne(
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
  throw wrong("The assertion was signed with no key of the app. Please check the 'kid'.");
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

function claimsOf({ exp, jti, sub, box_sub_type: type }: JWTPayload, now: Millis): AssertionClaims {
  // jose has seen to it that it is there and a number.
  const expires = exp ?? 0;
  if (expires > now / 1000 + LONGEST_SECONDS + LEEWAY_SECONDS) {
    throw wrong(`Please check the 'exp' claim: it may be ${LONGEST_SECONDS} seconds ahead.`);
  }
  if (typeof jti !== 'string' || jti.length < 16 || jti.length > 128) {
    throw wrong("Please check the 'jti' claim: it must have 16 to 128 characters.");
  }
  if (typeof sub !== 'string' || typeof type !== 'string') {
    throw wrong("Please check the 'sub' and 'box_sub_type' claims.");
  }
  return { subject: { type, id: sub }, jti, refusedFrom: (expires + LEEWAY_SECONDS) * 1000 };
}

function asGrantError(error: unknown): unknown {
  if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) {
    return wrong(`Please check the '${error.claim}' claim.`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return wrong(`The assertion must be signed with ${ALGORITHMS.join(', ')}.`);
  if (error instanceof errors.JOSEError)
    return wrong('The assertion is not a JWT that one of the keys of the app signed.');
  return error;
}

function wrong(message: string): GrantError {
  return new GrantError('invalid_grant', message);
}
