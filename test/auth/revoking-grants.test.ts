import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { authenticate } from '../../packages/server/src/auth/authenticate.ts';
import { exchangeCode } from '../../packages/server/src/auth/grants/authorization-code.ts';
import { issueCode } from '../../packages/server/src/auth/grants/authorize.ts';
import { exchangeClientCredentials } from '../../packages/server/src/auth/grants/client-credentials.ts';
import { exchangeAssertion } from '../../packages/server/src/auth/grants/jwt-assertion.ts';
import { exchangeRefreshToken } from '../../packages/server/src/auth/grants/refresh-token.ts';
import { exchangeToken } from '../../packages/server/src/auth/grants/token-exchange.ts';
import type { Scope } from '../../packages/server/src/auth/scopes.ts';
import { hashSecret } from '../../packages/server/src/auth/secrets.ts';
import { createToken } from '../../packages/server/src/auth/tokens/create.ts';
import { revokeTokenById } from '../../packages/server/src/auth/tokens/list.ts';
import { revokeToken } from '../../packages/server/src/auth/tokens/revoke.ts';
import { terminateSessions } from '../../packages/server/src/auth/tokens/terminate-sessions.ts';
import { changePassword } from '../../packages/server/src/auth/users/change-password.ts';
import { deleteUser } from '../../packages/server/src/auth/users/delete.ts';
import { updateUser } from '../../packages/server/src/auth/users/update.ts';
import { SerialQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { type AuthFixture, grantError, openAuthFixture, REDIRECT, signAssertion } from './auth-fixture.ts';

let fixture: AuthFixture;
beforeEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

/** The tokens of a login or call, one that was exchanged for the access token, and one that was exchanged for that. */
interface Family {
  access: string;
  refresh: string | undefined;
  child: string;
  grandchild: string;
}

const exchange = async (subjectToken: string) =>
  (
    await exchangeToken(fixture.access, {
      client: undefined,
      subjectToken,
      scope: 'item_preview',
      resource: undefined,
    })
  ).accessToken;

async function createFamily({
  accessToken: access,
  refreshToken: refresh,
}: {
  accessToken: string;
  refreshToken?: string;
}) {
  const child = await exchange(access);
  return { access, refresh, child, grandchild: await exchange(child) } satisfies Family;
}

async function logInWith(scopes: readonly Scope[] | undefined) {
  const code = await issueCode(fixture.access, {
    clientId: fixture.app.client_id,
    redirectUri: REDIRECT,
    userId: fixture.user.id,
    scopes,
  });
  return exchangeCode(fixture.access, fixture.client, { code, redirectUri: undefined });
}
const refresh = (token: string | undefined) => exchangeRefreshToken(fixture.access, fixture.client, token ?? '');
const createByCommand = async (scope: string | undefined) => ({
  accessToken: (
    await createToken(fixture.access.db, {
      login: fixture.user.login,
      expiresAt: fixture.clock.now() + 3_600_000,
      scope,
      resource: scope === undefined ? undefined : 'folders/0',
    })
  ).token,
});
const subject = () => ({ type: 'user', id: String(fixture.user.id) });

/** Every way to get a token of the user. */
const WAYS = {
  'a login': () => logInWith(undefined),
  'a login with some scopes': () => logInWith(['root_readonly', 'item_upload']),
  'a refreshed login': async () => refresh((await logInWith(undefined)).refreshToken),
  'a refreshed login with some scopes': async () => refresh((await logInWith(['root_readonly'])).refreshToken),
  'client credentials': () => exchangeClientCredentials(fixture.access, fixture.client, subject()),
  'an assertion': async () =>
    exchangeAssertion(fixture.access, fixture.client, { assertion: await signAssertion(fixture), audiences: [] }),
  'the token command': () => createByCommand(undefined),
  'the token command, with some scopes and one folder': () => createByCommand('root_readonly item_preview'),
};

const byApi = (token: string) => revokeToken(fixture.access, fixture.client, token);
async function byCommand(token: string): Promise<void> {
  assert.equal(await revokeTokenById(fixture.access.db, hashSecret(token).slice(0, 16)), true);
  // Another process has its own cache, which lasts five seconds.
  fixture.clock.advance(5_000);
}
const REVOKERS = { 'over the API': byApi, 'by the command': byCommand };

async function listAlive(family: Family): Promise<string[]> {
  const alive: string[] = [];
  for (const name of ['access', 'child', 'grandchild'] as const) {
    await authenticate(fixture.access, family[name]).then(
      () => alive.push(name),
      () => {},
    );
  }
  if (family.refresh !== undefined) {
    await refresh(family.refresh).then(
      () => alive.push('refresh'),
      (error: unknown) => assert.ok(grantError('invalid_grant')(error)),
    );
  }
  return alive;
}

for (const [way, grant] of Object.entries(WAYS)) {
  describe(`the tokens of ${way}`, () => {
    for (const [how, revoke] of Object.entries(REVOKERS)) {
      if (way.includes('command') && how === 'over the API') continue;
      it(`all end when the access token is revoked ${how}`, async () => {
        const family = await createFamily(await grant());
        await listAlive({ ...family, refresh: undefined });
        await revoke(family.access);
        assert.deepEqual(await listAlive(family), []);
      });

      if (way.includes('login')) {
        it(`all end when the refresh token is revoked ${how}`, async () => {
          const family = await createFamily(await grant());
          await listAlive({ ...family, refresh: undefined });
          await revoke(family.refresh ?? '');
          assert.deepEqual(await listAlive(family), []);
        });
      }

      it(`stay when an exchanged token is revoked ${how}, except for those that were exchanged for it`, async () => {
        const family = await createFamily(await grant());
        const other = await exchange(family.access);
        await listAlive({ ...family, refresh: undefined });
        await revoke(family.child);
        assert.deepEqual(await listAlive(family), family.refresh === undefined ? ['access'] : ['access', 'refresh']);
        await authenticate(fixture.access, other);
      });
    }

    for (const [why, end] of Object.entries({
      'their user becomes inactive': () => updateUser(fixture.access, fixture.user.id, { status: 'inactive' }, 'admin'),
      'an administrator ends the sessions of their user': () =>
        terminateSessions(fixture.access, {
          ids: [String(fixture.user.id)],
          logins: [fixture.user.login],
          by: 'admin',
        }),
      'their user gets another password': async () => {
        await changePassword(fixture.access.db, { login: fixture.user.login, password: 'another password' });
        fixture.clock.advance(5_000);
      },
      'their user is deleted': async () => {
        const deps = { auth: fixture.access } as unknown as Parameters<typeof deleteUser>[0];
        // The user owns nothing, so no blob store is needed.
        Object.assign(deps, { files: { ...fixture.access, treeBatches: new SerialQueue() }, uploads: fixture.access });
        await deleteUser(deps, fixture.user.id, { force: true, by: 'admin' });
      },
    })) {
      it(`all end when ${why}`, async () => {
        const family = await createFamily(await grant());
        await listAlive({ ...family, refresh: undefined });
        await end();
        assert.deepEqual(await listAlive(family), []);
      });
    }
  });
}

describe('logins with some scopes', () => {
  it('end with all their tokens when their refresh token is used again', async () => {
    const first = await logInWith(['root_readonly']);
    const family = await createFamily(await refresh(first.refreshToken));
    await assert.rejects(refresh(first.refreshToken), grantError('invalid_grant'));
    assert.deepEqual(await listAlive(family), []);
  });

  it('end alone, and another login of the same user and app stays', async () => {
    const [one, other] = [await logInWith(['root_readonly']), await logInWith(['root_readonly'])];
    await byApi(one.accessToken);
    assert.deepEqual(await listAlive(await createFamily(other)), ['access', 'child', 'grandchild', 'refresh']);
  });
});
