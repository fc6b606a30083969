import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { ensureDeveloper } from '../../packages/server/src/auth/users/developer.ts';
import { findUser, findUserByLogin } from '../../packages/server/src/auth/users/store.ts';
import { updateUser } from '../../packages/server/src/auth/users/update.ts';
import { DomainError } from '../../packages/server/src/errors.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { dropTestDatabase, openTestDatabase } from '../support/test-database.ts';
import { type AuthFixture, openAuthFixture } from './auth-fixture.ts';

const ROUNDS = 10;

let fixture: AuthFixture;
before(async () => {
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

test('if two users take one login at once, one gets it and the other gets an error', async () => {
  const { access } = fixture;
  for (let round = 0; round < ROUNDS; round++) {
    const login = `wanted-${round}@partway.test`;
    const users = await Promise.all(
      [1, 2].map((n) => addUser(access.db, { login: `user-${round}-${n}@partway.test`, name: 'U', now: 1 })),
    );
    const results = await Promise.allSettled(users.map(({ id }) => updateUser(access, id, { login }, 'admin')));
    const [rejected, ...others] = results.filter((result) => result.status === 'rejected');
    assert.ok(rejected?.reason instanceof DomainError, String(rejected?.reason));
    assert.equal(rejected.reason.code, 'login-in-use');
    assert.deepEqual(others, []);
    assert.ok(await findUserByLogin(access.db, login));
  }
});

test('two concurrent changes of one user both take effect', async () => {
  const { access, user } = fixture;
  for (let round = 0; round < ROUNDS; round++) {
    const [name, login] = [`Name ${round}`, `login-${round}@partway.test`];
    await Promise.all([
      updateUser(access, user.id, { name }, 'admin'),
      updateUser(access, user.id, { login }, 'admin'),
    ]);
    const found = await findUser(access.db, user.id);
    assert.deepEqual([found?.name, found?.login], [name, login]);
  }
});

test('if servers start at once on a new database, one creates the developer and all have the same one', async () => {
  const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-developer-')));
  const db = await openTestDatabase(home);
  // No server finds a developer before all have looked.
  const all = Promise.withResolvers<void>();
  let looking = 4;
  const waitingDb = db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      looking -= 1;
      if (looking === 0) all.resolve();
      if (looking >= 0) await all.promise;
      return result;
    },
  });
  const developers = await Promise.all(Array.from({ length: 4 }, () => ensureDeveloper(waitingDb, 'token', 1)));
  assert.equal(new Set(developers.map(({ authority }) => authority.principal.userId)).size, 1);
  const { rows } = await sql`select id from users`.execute(db);
  assert.equal(rows.length, 1);
  await db.destroy();
  await dropTestDatabase(home);
});
