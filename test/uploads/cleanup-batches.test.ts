import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { PART_BATCH } from '../../packages/server/src/uploads/session-store.ts';
import { LIFETIME, openUploadFixture } from './upload-fixture.ts';
import { createUpload } from './upload-steps.ts';

test('no cleanup statement deletes more than a thousand parts, however many sessions have ended', async () => {
  await using fixture = await openUploadFixture();
  const { db } = fixture.uploads;
  const most = { parts: 0, sessions: 0 };
  const count = { ...most };
  for (let n = 0; n < 3; n++) {
    const { session } = await createUpload(fixture);
    for (let from = 10; from < 2_510; from += 500) {
      const rows = Array.from({ length: 500 }, (_, slot) => ({
        ...{ session_id: session.id, part_index: from + slot, sha1: 'a'.repeat(40), tag: '', created_at: 0 },
      }));
      await db
        .insertInto('parts')
        .values(rows as never)
        .execute();
    }
  }
  fixture.uploads.db = db
    .withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result, queryId }) {
        const deleted = deletions.get(queryId);
        if (deleted !== undefined) {
          most[deleted] = Math.max(most[deleted], Number(result.numAffectedRows ?? 0));
          count[deleted] += Number(result.numAffectedRows ?? 0);
        }
        return result;
      },
    })
    .withPlugin({
      transformQuery({ node, queryId }) {
        const text = JSON.stringify(node);
        if (node.kind === 'DeleteQueryNode') deletions.set(queryId, text.includes('"parts"') ? 'parts' : 'sessions');
        return node;
      },
      transformResult: async ({ result }) => result,
    });

  fixture.clock.advance(LIFETIME + 1);
  assert.equal(await expireSessions(fixture.uploads), 3);
  assert.deepEqual([most.parts, count.parts], [PART_BATCH, 7_500]);
  fixture.clock.advance(2 * LIFETIME);
  await expireSessions(fixture.uploads);
  assert.deepEqual(await db.selectFrom('upload_sessions').select('id').execute(), []);
  assert.deepEqual(most, { parts: PART_BATCH, sessions: 1 });
});

const deletions = new WeakMap<object, 'parts' | 'sessions'>();
