import assert from 'node:assert/strict';
import { present } from './generated/bodies.ts';
import { boxSuite, failsWith, newName } from './yardstick/box-suite.ts';

boxSuite('users', {
  'the token belongs to a user': async ({ client }) => {
    assert.equal((await client.users.getUserMe()).type, 'user');
  },

  'the users of the enterprise are listed': async ({ client }) => {
    assert.ok(present((await client.users.getUsers()).totalCount) >= 0);
  },

  'a user is created, found, renamed and deleted': async ({ client }) => {
    const name = newName();
    const login = `${name}@example.com`;
    const user = await client.users.createUser({ name, login, isPlatformAccessOnly: true });
    assert.equal(user.name, name);
    assert.equal((await client.users.getUserById(user.id)).id, user.id);
    const another = newName();

    const renamed = await client.users.updateUserById(user.id, { requestBody: { name: another } });

    assert.equal(renamed.name, another);
    await client.users.deleteUserById(user.id);
    await assert.rejects(client.users.getUserById(user.id), failsWith(404, 'not_found'));
  },
});
