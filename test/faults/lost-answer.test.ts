import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Kysely } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { collect } from '../conformance/content-samples.ts';
import { assertOnlyFile, begin, commitOf, putAll, removeOrphansNow } from '../uploads/acts.ts';
import { openRoom } from '../uploads/room.ts';

it('a session whose row was written is open, though the database’s word of it was lost', async () => {
  await using room = await openRoom();
  const { db } = room.uploads;
  room.uploads.db = losingWords(db, 'after');
  const upload = await begin(room);
  room.uploads.db = db;
  await removeOrphansNow(room);
  await putAll(room, upload);
  await assertOnlyFile(room, upload, await commitOf(room, upload));
});

it('a session that the database has not written leaves no bytes behind', async () => {
  await using room = await openRoom();
  const { db, blobs } = room.uploads;
  room.uploads.db = losingWords(db, 'before');
  await assert.rejects(begin(room), /the line broke/);
  assert.deepEqual(await collect(blobs.list()), []);
  room.uploads.db = db;
  await removeOrphansNow(room);
  assert.deepEqual(await db.selectFrom('unreferenced_blobs').selectAll().execute(), []);
});

it('bytes of a session of which nobody can say whether it was written are left to the sweep', async () => {
  await using room = await openRoom();
  const { db } = room.uploads;
  room.uploads.db = losingWords(db, 'for good');
  await assert.rejects(begin(room), /the line is down/);
  room.uploads.db = db;
  // The row is there, and with it the bytes: the session ends when its time is over.
  assert.equal(await removeOrphansNow(room), 0);
});

/** `db` whose line breaks at the end of a transaction: before it is committed, after that, or then for good. */
function losingWords(db: Kysely<Tables>, when: 'before' | 'after' | 'for good'): Kysely<Tables> {
  let down = false;
  return new Proxy(db, {
    get(target, name) {
      if (name === 'transaction') {
        return () => ({
          execute: async (work: Parameters<ReturnType<typeof db.transaction>['execute']>[0]) => {
            await target.transaction().execute(async (tx) => {
              await work(tx);
              if (when === 'before') throw new Error('the line broke');
            });
            down = when === 'for good';
            throw new Error('the line broke');
          },
        });
      }
      if (down) throw new Error('the line is down');
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
