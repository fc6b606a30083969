import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { exchangeCode, findChallengeFault } from '../../packages/server/src/auth/grants/authorization-code.ts';
import { issueCode } from '../../packages/server/src/auth/grants/authorize.ts';
import { type AuthFixture, grantError, openAuthFixture, REDIRECT } from './auth-fixture.ts';

// The example in RFC 7636, appendix B.
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

let fixture: AuthFixture;
before(async () => {
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const issueTestCode = (codeChallenge: string | undefined) =>
  issueCode(fixture.access, {
    clientId: fixture.app.client_id,
    redirectUri: REDIRECT,
    userId: fixture.user.id,
    scopes: undefined,
    codeChallenge,
  });
const exchange = (code: string, codeVerifier: string | undefined) =>
  exchangeCode(fixture.access, fixture.client, { code, redirectUri: undefined, codeVerifier });

test('a code with a challenge accepts only the matching verifier', async () => {
  const code = await issueTestCode(CHALLENGE);
  const long = 'x'.repeat(129);
  for (const wrong of [undefined, '', CHALLENGE, `${VERIFIER}x`, VERIFIER.toLowerCase(), 'short', long]) {
    await assert.rejects(exchange(code, wrong), grantError('invalid_grant'), String(wrong));
  }
  assert.ok((await exchange(code, VERIFIER)).refreshToken);
  await assert.rejects(exchange(code, VERIFIER), grantError('invalid_grant'), 'it works once');
});

test('a challenge made from an invalid verifier matches nothing', async () => {
  const code = await issueTestCode(createHash('sha256').update('short').digest('base64url'));
  await assert.rejects(exchange(code, 'short'), grantError('invalid_grant'));
});

test('a verifier is rejected for a code without a challenge, because an attacker may have removed it', async () => {
  const code = await issueTestCode(undefined);
  await assert.rejects(exchange(code, VERIFIER), grantError('invalid_grant'));
  assert.ok((await exchange(code, undefined)).accessToken);
});

test('S256 is the only challenge method', () => {
  const findFault = (challenge?: string, method?: string) => findChallengeFault({ challenge, method });
  assert.equal(findFault(), undefined);
  assert.equal(findFault(CHALLENGE, 'S256'), undefined);
  assert.match(findFault(VERIFIER, 'plain') ?? '', /S256/);
  assert.match(findFault(VERIFIER) ?? '', /S256/, 'a missing method means plain');
  assert.match(findFault(CHALLENGE, 's256') ?? '', /S256/);
  assert.match(findFault(undefined, 'S256') ?? '', /requires a code_challenge/);
  for (const bad of [`${CHALLENGE}=`, CHALLENGE.slice(1), CHALLENGE.replace('-', '+')]) {
    assert.match(findFault(bad, 'S256') ?? '', /43 characters/);
  }
});
