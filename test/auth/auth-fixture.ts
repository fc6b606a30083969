import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { addApp, addUser } from '../../packages/server/src/auth/accounts.ts';
import type { ClientSecret } from '../../packages/server/src/auth/apps/get-client.ts';
import { addAppKey } from '../../packages/server/src/auth/apps/keys.ts';
import type { ConfidentialApp } from '../../packages/server/src/auth/apps/store.ts';
import type { AuthContext } from '../../packages/server/src/auth/context.ts';
import { issueCode } from '../../packages/server/src/auth/grants/authorize.ts';
import type { GrantError } from '../../packages/server/src/auth/grants/errors.ts';
import { LoginAttempts } from '../../packages/server/src/auth/login/attempts.ts';
import { TokenCache } from '../../packages/server/src/auth/token-cache.ts';
import { ensureDeveloper } from '../../packages/server/src/auth/users/developer.ts';
import type { UserRow } from '../../packages/server/src/database/schema.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { TestClock } from '../support/test-clock.ts';
import { dropTestDatabase, openTestDatabase } from '../support/test-database.ts';

export const DEVELOPER_TOKEN = 'developer-token-of-the-tests';
export const REDIRECT = 'https://app.partway.test/callback';

/** The auth module as the server sets it up, with a real database file and a clock that only tests move. */
export interface AuthFixture extends AsyncDisposable {
  access: AuthContext;
  clock: TestClock;
  app: ConfidentialApp;
  /** The credentials of the app. */
  client: ClientSecret;
  user: UserRow;
  /** A key that is registered for the app. */
  key: SigningKey;
}

export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicPem: string;
}

/** Created once: it takes a tenth of a second, and one file of tests opens dozens of fixtures. */
let appKeys: ReturnType<typeof createKeyPair> | undefined;

export async function openAuthFixture(): Promise<AuthFixture> {
  const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-auth-')));
  const db = await openTestDatabase(home);
  const clock = new TestClock(Date.parse('2026-11-22T15:00:00Z'));
  const developer = await ensureDeveloper(db, DEVELOPER_TOKEN, clock.now());
  const { app, clientSecret } = await addApp(db, { name: 'App', now: clock.now(), redirectUris: [REDIRECT] });
  const user = await addUser(db, { login: 'user@partway.test', name: 'User', now: clock.now() });
  appKeys ??= createKeyPair();
  const pair = appKeys;
  const kid = await addAppKey(db, { clientId: app.client_id, pem: pair.publicPem, now: clock.now() });
  return {
    access: { db, developer, tokens: new TokenCache(), loginAttempts: new LoginAttempts(), clock },
    clock,
    app,
    client: { clientId: app.client_id, clientSecret },
    user,
    key: { kid, ...pair },
    async [Symbol.asyncDispose]() {
      await db.destroy();
      await dropTestDatabase(home);
      await rm(home, { recursive: true, force: true });
    },
  };
}

export function createKeyPair(bits = 2048): Omit<SigningKey, 'kid'> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  return { privateKey, publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

export interface AssertionOptions {
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  key?: KeyObject;
}

let assertions = 0;

/** Signs an assertion like Box's SDKs, with some changes. A claim that is undefined is omitted. */
export function signAssertion(
  { app, user, key, clock }: AuthFixture,
  { claims = {}, header = {}, key: signing = key.privateKey }: AssertionOptions = {},
): Promise<string> {
  assertions += 1;
  return new SignJWT({
    iss: app.client_id,
    sub: String(user.id),
    box_sub_type: 'user',
    aud: 'https://api.box.com/oauth2/token',
    jti: `assertion-number-${assertions}`,
    exp: clock.now() / 1000 + 30,
    ...claims,
  })
    .setProtectedHeader({ alg: 'RS256', kid: key.kid, ...header })
    .sign(signing);
}

/** Issues a code, like a login of the user. */
export function createCode({ access, app, user }: AuthFixture): Promise<string> {
  return issueCode(access, {
    clientId: app.client_id,
    redirectUri: REDIRECT,
    userId: user.id,
    scopes: undefined,
  });
}

/** For assert.rejects: accepts an OAuth error with this name. */
export function grantError(name: string): (error: unknown) => boolean {
  return (error) => (error as GrantError).error === name;
}
