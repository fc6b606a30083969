import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Kysely } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { collect } from '../conformance/blob-samples.ts';
import { openUploadFixture } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  collectGarbageNow,
  commitUpload,
  createUpload,
  sendAllParts,
} from '../uploads/upload-steps.ts';

it("a session whose row was written is open although the database's response was lost", async () => {
  await using fixture = await openUploadFixture();
  const { db } = fixture.uploads;
  fixture.uploads.db = loseResponses(db, 'after');
  const upload = await createUpload(fixture);
  fixture.uploads.db = db;
  await collectGarbageNow(fixture);
  await sendAllParts(fixture, upload);
  await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
});

it('a session that the database has not written leaves no bytes behind', async () => {
  await using fixture = await openUploadFixture();
  const { db, blobs } = fixture.uploads;
  fixture.uploads.db = loseResponses(db, 'before');
  await assert.rejects(createUpload(fixture), /the line broke/);
  assert.deepEqual(await collect(blobs.list()), []);
  fixture.uploads.db = db;
  await collectGarbageNow(fixture);
  assert.deepEqual(await db.selectFrom('unreferenced_blobs').selectAll().execute(), []);
});

it('bytes of a session that may or may not have been written are left to garbage collection', async () => {
  await using fixture = await openUploadFixture();
  const { db } = fixture.uploads;
  fixture.uploads.db = loseResponses(db, 'permanently');
  await assert.rejects(createUpload(fixture), /the line is down/);
  fixture.uploads.db = db;
  // The row exists, and so do the bytes: the session expires normally.
  assert.equal(await collectGarbageNow(fixture), 0);
});

/**
 * `db` with a connection that breaks at the end of a transaction: before it is committed, afterwards, or from then
 * on.
 */
function loseResponses(db: Kysely<Tables>, when: 'before' | 'after' | 'permanently'): Kysely<Tables> {
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
            down = when === 'permanently';
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
