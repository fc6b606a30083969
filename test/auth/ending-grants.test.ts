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

/** What a login or call brought: a token, one that was exchanged for it, one that was exchanged for that in turn. */
interface Family {
  access: string;
  refresh: string | undefined;
  child: string;
  grandchild: string;
}

const exchanged = async (subjectToken: string) =>
  (
    await exchangeToken(fixture.access, {
      client: undefined,
      subjectToken,
      scope: 'item_preview',
      resource: undefined,
    })
  ).accessToken;

async function familyOf({
  accessToken: access,
  refreshToken: refresh,
}: {
  accessToken: string;
  refreshToken?: string;
}) {
  const child = await exchanged(access);
  return { access, refresh, child, grandchild: await exchanged(child) } satisfies Family;
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
const refreshed = (token: string | undefined) => exchangeRefreshToken(fixture.access, fixture.client, token ?? '');
const made = async (scope: string | undefined) => ({
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

/** Every way to a token of the user's. */
const WAYS = {
  'a login': () => logInWith(undefined),
  'a login for some scopes': () => logInWith(['root_readonly', 'item_upload']),
  'a refreshed login': async () => refreshed((await logInWith(undefined)).refreshToken),
  'a refreshed login for some scopes': async () => refreshed((await logInWith(['root_readonly'])).refreshToken),
  'client credentials': () => exchangeClientCredentials(fixture.access, fixture.client, subject()),
  'an assertion': async () =>
    exchangeAssertion(fixture.access, fixture.client, { assertion: await signAssertion(fixture), audiences: [] }),
  'an operator’s hand': () => made(undefined),
  'an operator’s hand, for some scopes and one folder': () => made('root_readonly item_preview'),
};

const byApi = (token: string) => revokeToken(fixture.access, fixture.client, token);
async function byCommand(token: string): Promise<void> {
  assert.equal(await revokeTokenById(fixture.access.db, hashSecret(token).slice(0, 16)), true);
  // Another process has a memory of its own, which lasts five seconds.
  fixture.clock.advance(5_000);
}
const REVOKERS = { 'over the API': byApi, 'by the command': byCommand };

async function living(family: Family): Promise<string[]> {
  const alive: string[] = [];
  for (const name of ['access', 'child', 'grandchild'] as const) {
    await authenticate(fixture.access, family[name]).then(
      () => alive.push(name),
      () => {},
    );
  }
  if (family.refresh !== undefined) {
    await refreshed(family.refresh).then(
      () => alive.push('refresh'),
      (error: unknown) => assert.ok(grantError('invalid_grant')(error)),
    );
  }
  return alive;
}

for (const [way, begin] of Object.entries(WAYS)) {
  describe(`the tokens of ${way}`, () => {
    for (const [how, revoke] of Object.entries(REVOKERS)) {
      if (way.includes('hand') && how === 'over the API') continue;
      it(`all end when the access token is revoked ${how}`, async () => {
        const family = await familyOf(await begin());
        await living({ ...family, refresh: undefined });
        await revoke(family.access);
        assert.deepEqual(await living(family), []);
      });

      if (way.includes('login')) {
        it(`all end when the refresh token is revoked ${how}`, async () => {
          const family = await familyOf(await begin());
          await living({ ...family, refresh: undefined });
          await revoke(family.refresh ?? '');
          assert.deepEqual(await living(family), []);
        });
      }

      it(`stay when an exchanged one is revoked ${how}, but for what was made from it`, async () => {
        const family = await familyOf(await begin());
        const other = await exchanged(family.access);
        await living({ ...family, refresh: undefined });
        await revoke(family.child);
        assert.deepEqual(await living(family), family.refresh === undefined ? ['access'] : ['access', 'refresh']);
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
        // The user owns nothing, so no store of bytes is asked.
        Object.assign(deps, { files: { ...fixture.access, treeBatches: new SerialQueue() }, uploads: fixture.access });
        await deleteUser(deps, fixture.user.id, { force: true, by: 'admin' });
      },
    })) {
      it(`all end when ${why}`, async () => {
        const family = await familyOf(await begin());
        await living({ ...family, refresh: undefined });
        await end();
        assert.deepEqual(await living(family), []);
      });
    }
  });
}

describe('logins for some scopes', () => {
  it('end with all their tokens when their refresh token comes a second time', async () => {
    const first = await logInWith(['root_readonly']);
    const family = await familyOf(await refreshed(first.refreshToken));
    await assert.rejects(refreshed(first.refreshToken), grantError('invalid_grant'));
    assert.deepEqual(await living(family), []);
  });

  it('end alone: another one of the same user and app stays', async () => {
    const [one, other] = [await logInWith(['root_readonly']), await logInWith(['root_readonly'])];
    await byApi(one.accessToken);
    assert.deepEqual(await living(await familyOf(other)), ['access', 'child', 'grandchild', 'refresh']);
  });
});
