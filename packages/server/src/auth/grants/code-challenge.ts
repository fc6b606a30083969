import { createHash, timingSafeEqual } from 'node:crypto';

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/;

/** What an authorization request says of PKCE; undefined for what it leaves out. */
export interface ChallengeRequest {
  challenge: string | undefined;
  method: string | undefined;
}

/**
 * What is wrong with a PKCE challenge, as a sentence for the app's developer; undefined if nothing is, or there is none.
 * `plain`, which is also what a missing method means (RFC 7636, section 4.3), proves nothing: anyone who reads the address has it.
 */
export function faultOfChallenge({ challenge, method }: ChallengeRequest): string | undefined {
  if (challenge === undefined) return method === undefined ? undefined : 'code_challenge_method needs a code_challenge';
  if (method !== 'S256') return 'code_challenge_method must be S256';
  return CHALLENGE.test(challenge) ? undefined : 'code_challenge must be 43 characters of base64url';
}

/**
 * Whether the verifier fits the challenge that the code was asked for with (RFC 7636, S256). If there was no challenge
 * there must be no verifier: somebody took the challenge out of the request on its way (RFC 9700, section 4.8.2).
 */
export function verifies(verifier: string | undefined, challenge: string | null): boolean {
  if (challenge === null || verifier === undefined) return challenge === null && verifier === undefined;
  if (!VERIFIER.test(verifier)) return false;
  const given = Buffer.from(createHash('sha256').update(verifier).digest('base64url'));
  const right = Buffer.from(challenge);
  return given.length === right.length && timingSafeEqual(given, right);
}
