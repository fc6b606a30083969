import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { after, before, test } from 'node:test';
import { SignJWT, UnsecuredJWT } from 'jose';
import { addApp } from '../../packages/server/src/auth/accounts.ts';
import { addAppKey } from '../../packages/server/src/auth/apps/keys.ts';
import { authenticate } from '../../packages/server/src/auth/authenticate.ts';
import { exchangeAssertion } from '../../packages/server/src/auth/grants/jwt-assertion.ts';
import { type AuthFixture, createKeyPair, grantError, openAuthFixture, signAssertion } from './auth-fixture.ts';

const OWN = 'https://files.example.com/oauth2/token';

let fixture: AuthFixture;
before(async () => {
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const grant = (assertion: string, client = fixture.client) =>
  exchangeAssertion(fixture.access, client, { assertion, audiences: [OWN] });
const assertRejected = (assertion: string) => assert.rejects(grant(assertion), grantError('invalid_grant'));

test('a signed assertion gets a token for a user or for the app itself', async () => {
  const forUser = await grant(await signAssertion(fixture));
  const { principal } = await authenticate(fixture.access, forUser.accessToken);
  assert.equal(principal.userId, fixture.user.id);
  const forApp = await grant(await signAssertion(fixture, { claims: { sub: '1', box_sub_type: 'enterprise' } }));
  const own = await authenticate(fixture.access, forApp.accessToken);
  assert.equal(own.principal.userId, fixture.app.service_user_id);
  assert.deepEqual([forApp.expiresInSeconds, forApp.refreshToken], [3600, undefined]);
});

test("RS256, RS384 and RS512 are accepted, and the server's own address is an audience like Box's", async () => {
  for (const alg of ['RS256', 'RS384', 'RS512']) await grant(await signAssertion(fixture, { header: { alg } }));
  await grant(await signAssertion(fixture, { claims: { aud: OWN } }));
});

test('an assertion works once, even if it is sent twice at once', async () => {
  const assertion = await signAssertion(fixture);
  const both = await Promise.allSettled([grant(assertion), grant(assertion)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  await assertRejected(assertion);
  const { jti } = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString('utf8'));
  await assertRejected(await signAssertion(fixture, { claims: { jti } }));
});

test('an assertion that is rejected for another reason does not use up its jti', async () => {
  const claims = { jti: 'a-jti-that-comes-again' };
  await assertRejected(await signAssertion(fixture, { claims: { ...claims, sub: '42' } }));
  await grant(await signAssertion(fixture, { claims }));
});

test('every claim has to be present and valid', async () => {
  const now = fixture.clock.now() / 1000;
  for (const claims of [
    { iss: 'another' },
    { iss: undefined },
    { sub: '42' },
    { sub: '' },
    { sub: undefined },
    { sub: '2', box_sub_type: 'enterprise' },
    { box_sub_type: 'external' },
    { box_sub_type: undefined },
    { aud: 'https://api.example.com/oauth2/token' },
    { aud: undefined },
    { exp: now - 11 },
    { exp: now + 71 },
    { exp: undefined },
    { exp: 'soon' },
    { jti: 'too-short' },
    { jti: 'x'.repeat(129) },
    { jti: 1_234_567_890_123_456 },
    { jti: undefined },
    { nbf: now + 60 },
  ]) {
    const assertion = await signAssertion(fixture, { claims });
    await assert.rejects(grant(assertion), grantError('invalid_grant'), JSON.stringify(claims));
  }
});

test('clocks can differ by ten seconds', async () => {
  const now = fixture.clock.now() / 1000;
  await grant(await signAssertion(fixture, { claims: { exp: now - 9 } }));
  await grant(await signAssertion(fixture, { claims: { exp: now + 69 } }));
});

test('errors about exp and jti name them, because clients retry these', async () => {
  const late = await signAssertion(fixture, { claims: { exp: fixture.clock.now() / 1000 - 60 } });
  await assert.rejects(grant(late), /exp/);
  const used = await signAssertion(fixture);
  await grant(used);
  await assert.rejects(grant(used), /jti/);
});

test('only a key of the app is accepted', async () => {
  const otherKey = createKeyPair();
  await assertRejected(await signAssertion(fixture, { key: otherKey.privateKey }));
  await assertRejected(await signAssertion(fixture, { header: { kid: 'unknown' } }));
  const other = await addApp(fixture.access.db, { name: 'Other', now: fixture.clock.now() });
  const client = { clientId: other.app.client_id, clientSecret: other.clientSecret };
  const borrowed = await signAssertion(fixture, { claims: { iss: client.clientId } });
  await assert.rejects(grant(borrowed, client), grantError('invalid_grant'));
});

test('without a kid, as in the generated SDKs, any key of the app is accepted, and no other', async () => {
  const header = { kid: undefined };
  await grant(await signAssertion(fixture, { header }));
  const [second, otherKey] = [createKeyPair(), createKeyPair()];
  const { access, app, clock } = fixture;
  await addAppKey(access.db, { clientId: app.client_id, pem: second.publicPem, now: clock.now() });
  await grant(await signAssertion(fixture, { header }));
  await grant(await signAssertion(fixture, { header, key: second.privateKey }));
  await assertRejected(await signAssertion(fixture, { header, key: otherKey.privateKey }));
  await assertRejected(await signAssertion(fixture, { key: second.privateKey }));
});

test('the client secret is required, too', async () => {
  const assertion = await signAssertion(fixture);
  await assert.rejects(grant(assertion, { ...fixture.client, clientSecret: 'x' }), grantError('invalid_client'));
});

test('an assertion without a signature, or signed with the public key as a secret, is rejected', async () => {
  const claims = {
    iss: fixture.app.client_id,
    sub: String(fixture.user.id),
    box_sub_type: 'user',
    aud: OWN,
    jti: 'a-jti-of-a-forger',
    exp: fixture.clock.now() / 1000 + 30,
  };
  await assertRejected(new UnsecuredJWT(claims).encode());
  const { publicPem, kid } = fixture.key;
  for (const secret of [publicPem, publicPem.trim()]) {
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid }).sign(Buffer.from(secret));
    await assertRejected(forged);
    const [, payload, signature] = forged.split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'none', kid })).toString('base64url');
    await assertRejected(`${header}.${payload}.`);
    await assertRejected(`${header}.${payload}.${signature}`);
  }
  const [, payload = '', signature = ''] = (await signAssertion(fixture)).split('.');
  for (const header of ['null', '[]', '{}', '{"alg":"RS256","kid":{}}', '{"alg":["RS256"]}', 'x']) {
    await assertRejected(`${Buffer.from(header).toString('base64url')}.${payload}.${signature}`);
  }
  for (const text of ['x', 'a.b.c', '..', '', '\0', '🗝'.repeat(1000)]) await assertRejected(text);
});

test('a key in the header of an assertion is ignored', async () => {
  const otherKey = createKeyPair();
  const jwk = createPublicKey(otherKey.publicPem).export({ format: 'jwk' });
  const header = { jwk, jku: 'http://127.0.0.1:1/keys', x5u: 'http://127.0.0.1:1/cert' };
  await assertRejected(await signAssertion(fixture, { key: otherKey.privateKey, header }));
});
