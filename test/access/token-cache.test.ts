import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { authenticate } from '../../src/access/authenticate.ts';
import { grantForCredentials } from '../../src/access/grant-credentials.ts';
import { revokeToken } from '../../src/access/revoke-token.ts';
import { updateUser } from '../../src/access/update-user.ts';
import { refusal } from '../files/house.ts';
import { type Gatehouse, openGatehouse } from './gatehouse.ts';

let house: Gatehouse;
before(async () => {
  house = await openGatehouse();
});
after(() => house[Symbol.asyncDispose]());

const newToken = async () =>
  (await grantForCredentials(house.access, house.client, { type: 'user', id: String(house.user.id) })).accessToken;

/** Asks whose token it is, and lets `meanwhile` happen after its row was read and before the answer is there. */
function authenticateDuring(token: string, meanwhile: () => Promise<void>) {
  let happened = false;
  const db = house.access.db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (!happened) {
        happened = true;
        await meanwhile();
      }
      return result;
    },
  });
  return authenticate({ ...house.access, db }, token);
}

test('a token that is revoked while it is being looked up is not remembered', async () => {
  const token = await newToken();

  await authenticateDuring(token, () => revokeToken(house.access, house.client, token));

  await assert.rejects(authenticate(house.access, token), refusal('unauthorized'));
});

test('a token whose user gets another status while it is being looked up is not remembered as before', async () => {
  const token = await newToken();

  await authenticateDuring(token, () =>
    updateUser(house.access, house.user.id, { status: 'cannot_delete_edit' }, 'admin'),
  );

  assert.equal((await authenticate(house.access, token)).principal.status, 'cannot_delete_edit');
});
