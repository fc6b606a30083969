import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deleteExpiredTokens } from '../../packages/server/src/auth/tokens/delete-expired.ts';
import { openFilesFixture } from '../files/files-fixture.ts';

const DAY = 86_400_000;

test('the background job deletes at most a thousand tokens or assertions per statement, and in the end all that have expired', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const now = fixture.clock.now();
  const app = { client_id: 'app', name: 'app', secret_sha256: '', service_user_id: fixture.owner.id, created_at: now };
  await db
    .insertInto('apps')
    .values({ ...app, as_user: 0 })
    .execute();
  for (let from = 0; from < 2_500; from += 500) {
    const rows = Array.from({ length: 500 }, (_, n) => ({ client_id: 'app', jti: `${from + n}`, expires_at: now }));
    await db.insertInto('used_assertions').values(rows).execute();
  }
  await db
    .insertInto('used_assertions')
    .values({ client_id: 'app', jti: 'kept', expires_at: now + 30 * DAY })
    .execute();
  const counts: number[] = [];
  const watched = db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      counts.push(Number(result.numAffectedRows ?? 0));
      return result;
    },
  });

  fixture.clock.advance(10 * DAY);
  assert.equal(await deleteExpiredTokens({ db: watched, clock: fixture.clock }), 2_500);

  assert.equal(Math.max(...counts), 1_000);
  const left = await db.selectFrom('used_assertions').select('jti').execute();
  assert.deepEqual(left, [{ jti: 'kept' }]);
});
