import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import type { UserId } from '../../packages/protocol/src/ids.ts';
import { DEVELOPER_LOGIN } from '../../packages/server/src/auth/users/developer.ts';
import {
  effectiveRole,
  findAccount,
  listAccounts,
  listUsersByMarker,
  listUsersByOffset,
  type UserPage,
} from '../../packages/server/src/auth/users/list.ts';
import { createUser } from '../../packages/server/src/auth/users/update.ts';
import { type AuthFixture, openAuthFixture } from './auth-fixture.ts';

let fixture: AuthFixture;
beforeEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

/** Creates users with details of these many bytes, whose names begin with "Listed". Returns their IDs, in order. */
async function addUsers(bytes: readonly number[]): Promise<UserId[]> {
  const ids: UserId[] = [];
  for (const index of bytes.keys()) {
    ids.push((await createUser(fixture.access, { login: `${index}@partway.test`, name: `Listed ${index}` })).id);
  }
  ids.sort((one, other) => one - other);
  for (const [index, count] of bytes.entries()) {
    const details = count === 0 ? '' : JSON.stringify({ phone: 'x'.repeat(count - '{"phone":""}'.length) });
    const row = fixture.access.db.updateTable('users').set({ details });
    await row.where('id', '=', ids[index] as UserId).execute();
  }
  return ids;
}

const startsWith = 'listed';

/** The sizes of all pages, read by marker. */
async function pagesByMarker(page: UserPage): Promise<UserId[][]> {
  const pages: UserId[][] = [];
  for (let after: UserId | undefined; pages.length < 20; ) {
    const { entries, next } = await listUsersByMarker(fixture.access.db, { ...page, after });
    pages.push(entries.map(({ id }) => id));
    if (next === undefined) break;
    after = next;
  }
  return pages;
}

test('users are listed by ID, page by page', async () => {
  const ids = await addUsers([0, 0, 0, 0]);
  for (const [limit, sizes] of [
    [1, [1, 1, 1, 1]],
    [3, [3, 1]],
    [4, [4]],
    [5, [4]],
  ] as const) {
    const pages = await pagesByMarker({ limit, startsWith });
    assert.deepEqual(pages.flat(), ids);
    assert.deepEqual(
      pages.map(({ length }) => length),
      sizes,
    );
  }
  const { entries, total } = await listUsersByOffset(fixture.access.db, { offset: 1, limit: 2, startsWith });
  assert.deepEqual(
    entries.map(({ id }) => id),
    ids.slice(1, 3),
  );
  assert.equal(total, 4);
});

test('a page of users ends before its details would exceed the limit of bytes, but has one user', async () => {
  await addUsers([20, 30, 0, 100]);
  const sizes = async (wideBytes: number) =>
    (await pagesByMarker({ limit: 10, startsWith, wideBytes })).map(({ length }) => length);
  assert.deepEqual(await sizes(150), [4]);
  assert.deepEqual(await sizes(149), [3, 1]);
  assert.deepEqual(await sizes(50), [3, 1]);
  assert.deepEqual(await sizes(49), [1, 2, 1]);
  assert.deepEqual(await sizes(1), [1, 1, 1, 1]);
  const page = { offset: 1, limit: 10, startsWith, wideBytes: 30 };
  const { entries, total } = await listUsersByOffset(fixture.access.db, page);
  assert.deepEqual([entries.length, total], [2, 4]);
});

test('an empty list has no next page', async () => {
  const { entries, next } = await listUsersByMarker(fixture.access.db, { after: undefined, limit: 1, startsWith });
  assert.deepEqual([entries, next], [[], undefined]);
  const { total } = await listUsersByOffset(fixture.access.db, { offset: 0, limit: 1, startsWith });
  assert.equal(total, 0);
});

test('users are found by the beginning of their name or login, and by their ID in an app', async () => {
  const { db } = fixture.access;
  await createUser(fixture.access, { login: 'x_y@partway.test', name: 'Ärzte', externalAppUserId: 'one' });
  await createUser(fixture.access, { login: 'xay@partway.test', name: 'Other', externalAppUserId: 'two' });
  const names = async (filter: Partial<UserPage>) =>
    (await listUsersByMarker(db, { after: undefined, limit: 10, ...filter })).entries.map(({ name }) => name);
  assert.deepEqual(await names({ startsWith: 'äRZ' }), ['Ärzte']);
  assert.deepEqual(await names({ startsWith: 'rzte' }), []);
  assert.deepEqual(await names({ startsWith: 'X_Y' }), ['Ärzte']);
  assert.deepEqual((await names({ startsWith: 'x' })).toSorted(), ['Other', 'Ärzte']);
  assert.deepEqual(await names({ externalAppUserId: 'two' }), ['Other']);
  assert.deepEqual(await names({ externalAppUserId: 'two', startsWith: 'x_' }), []);
});

test('the developer and service users of apps are always administrators', async () => {
  const accounts = await listAccounts(fixture.access.db);
  const roles = new Map(accounts.map((account) => [account.id, effectiveRole(account)]));
  assert.equal(roles.get(fixture.access.developer.authority.principal.userId), 'admin');
  assert.equal(roles.get(fixture.app.service_user_id), 'admin');
  assert.equal(roles.get(fixture.user.id), 'user');
  assert.equal((await findAccount(fixture.access.db, fixture.user.id))?.app, null);
  assert.equal((await findAccount(fixture.access.db, fixture.app.service_user_id))?.app, fixture.app.client_id);
  assert.equal(effectiveRole({ login: DEVELOPER_LOGIN, app: null, role: 'user' }), 'admin');
  assert.equal(effectiveRole({ login: 'x', app: null, role: 'coadmin' }), 'coadmin');
});
