import assert from 'node:assert/strict';
import { test } from 'node:test';
import { removeUser } from '../../packages/server/src/auth/users/remove.ts';
import { findUser } from '../../packages/server/src/auth/users/store.ts';
import type { FileContext } from '../../packages/server/src/files/context.ts';
import { insertJob } from '../../packages/server/src/files/tree-jobs.ts';
import type { UploadContext } from '../../packages/server/src/uploads/context.ts';
import { openAuthFixture } from './auth-fixture.ts';

for (const [what, kinds] of [
  ['an earlier deletion', ['delete', 'delete-user']],
  ['the deletion of the user', ['delete-user']],
] as const) {
  test(`a user is not removed completely if the server stops during ${what}`, async () => {
    await using fixture = await openAuthFixture();
    const { access, user } = fixture;
    const { db, clock } = access;
    const jobs = await db.transaction().execute(async (tx) => {
      const inserted = [];
      for (const kind of kinds) {
        inserted.push(await insertJob(tx, { kind, owner_id: user.id, root_id: user.root_id }, clock.now()));
      }
      return inserted;
    });
    const job = jobs.at(-1);
    assert.ok(job);
    // Nothing else is used before the signal is checked.
    const deps = { auth: access, files: { db, clock } as FileContext, uploads: { db, clock } as UploadContext };
    assert.equal(await removeUser(deps, job, { signal: AbortSignal.abort() }), false);
    assert.ok(await findUser(db, user.id));
    assert.equal((await db.selectFrom('tree_jobs').select('id').execute()).length, kinds.length);
  });
}
