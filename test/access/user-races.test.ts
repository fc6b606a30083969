import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addUser } from '../../src/access/accounts.ts';
import { findUser, findUserByLogin } from '../../src/access/records.ts';
import { updateUser } from '../../src/access/update-user.ts';
import { Refusal } from '../../src/api/refusal.ts';
import { type Gatehouse, openGatehouse } from './gatehouse.ts';

const ROUNDS = 10;

let house: Gatehouse;
before(async () => {
  house = await openGatehouse();
});
after(() => house[Symbol.asyncDispose]());

test('of two users who take one login at once, one gets it and the other is told', async () => {
  const { access } = house;
  for (let round = 0; round < ROUNDS; round++) {
    const login = `wanted-${round}@partway.test`;
    const users = await Promise.all(
      [1, 2].map((n) => addUser(access.db, { login: `user-${round}-${n}@partway.test`, name: 'U', now: 1 })),
    );
    const results = await Promise.allSettled(users.map(({ id }) => updateUser(access, id, { login }, 'admin')));
    const [refused, ...more] = results.filter((result) => result.status === 'rejected');
    assert.ok(refused?.reason instanceof Refusal, String(refused?.reason));
    assert.equal(refused.reason.code, 'user_login_already_used');
    assert.deepEqual(more, []);
    assert.ok(await findUserByLogin(access.db, login));
  }
});

test('two changes of one user at once both hold', async () => {
  const { access, user } = house;
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
