import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { exchangeCode, findChallengeFault } from '../../packages/server/src/auth/grants/authorization-code.ts';
import { issueCode } from '../../packages/server/src/auth/grants/authorize.ts';
import { type AuthFixture, grantError, openAuthFixture, REDIRECT } from './auth-fixture.ts';

// The example of RFC 7636, appendix B.
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

let fixture: AuthFixture;
before(async () => {
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const codeWith = (codeChallenge: string | undefined) =>
  issueCode(fixture.access, {
    clientId: fixture.app.client_id,
    redirectUri: REDIRECT,
    userId: fixture.user.id,
    scopes: undefined,
    codeChallenge,
  });
const exchange = (code: string, codeVerifier: string | undefined) =>
  exchangeCode(fixture.access, fixture.client, { code, redirectUri: undefined, codeVerifier });

test('a code that was asked for with a challenge takes the verifier that fits it, and no other, nor none', async () => {
  const code = await codeWith(CHALLENGE);
  const long = 'x'.repeat(129);
  for (const wrong of [undefined, '', CHALLENGE, `${VERIFIER}x`, VERIFIER.toLowerCase(), 'short', long]) {
    await assert.rejects(exchange(code, wrong), grantError('invalid_grant'), String(wrong));
  }
  assert.ok((await exchange(code, VERIFIER)).refreshToken);
  await assert.rejects(exchange(code, VERIFIER), grantError('invalid_grant'), 'it works once');
});

test('a challenge made from a verifier that is no verifier fits nothing', async () => {
  const code = await codeWith(createHash('sha256').update('short').digest('base64url'));
  await assert.rejects(exchange(code, 'short'), grantError('invalid_grant'));
});

test('a verifier for a code that was asked for without a challenge is refused: somebody took it out', async () => {
  const code = await codeWith(undefined);
  await assert.rejects(exchange(code, VERIFIER), grantError('invalid_grant'));
  assert.ok((await exchange(code, undefined)).accessToken);
});

test('only S256 is a challenge', () => {
  const fault = (challenge?: string, method?: string) => findChallengeFault({ challenge, method });
  assert.equal(fault(), undefined);
  assert.equal(fault(CHALLENGE, 'S256'), undefined);
  assert.match(fault(VERIFIER, 'plain') ?? '', /S256/);
  assert.match(fault(VERIFIER) ?? '', /S256/, 'plain is what is meant by leaving it out');
  assert.match(fault(CHALLENGE, 's256') ?? '', /S256/);
  assert.match(fault(undefined, 'S256') ?? '', /requires a code_challenge/);
  for (const bad of [`${CHALLENGE}=`, CHALLENGE.slice(1), CHALLENGE.replace('-', '+')]) {
    assert.match(fault(bad, 'S256') ?? '', /43 characters/);
  }
});
