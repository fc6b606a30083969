import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { insertToken } from '../../packages/server/src/auth/tokens/store.ts';
import { DatabaseError } from '../../packages/server/src/database/errors.ts';
import { publishNewFile } from '../../packages/server/src/files/publish.ts';
import { countParts, findSession, insertPart, setCommitted } from '../../packages/server/src/uploads/session-store.ts';
import { newPart, randomBlobId } from '../uploads/session-samples.ts';
import {
  type Behaves,
  committedFile,
  type DatabaseFixture,
  NOW,
  openSession,
  ROUNDS,
  turn,
} from './records-samples.ts';

export function testTransactions(testRecords: Behaves): void {
  describe('transactions', () => {
    testRecords('that fail leave nothing behind', async (u) => {
      const { id } = await openSession(u);
      const failed = new Error('failed at the end');
      const work = u.db.transaction().execute(async (tx) => {
        const made = committedFile(u, randomBlobId());
        const file = await publishNewFile(tx, { folderId: u.owner.root_id, name: 'a' }, made);
        assert.equal(await setCommitted(tx, id, { ...file, sha1: made.sha1 }), true);
        throw failed;
      });
      await assert.rejects(work, (error) => error === failed);
      assert.equal((await findSession(u.db, id))?.state, 'open');
      assert.deepEqual(await countFilesAndVersions(u), { files: [], versions: 0 });
    });

    testRecords(
      'that use a taken key, or refer to a row that is gone, fail as conflicts and not as errors',
      async (u) => {
        const token = {
          grantId: 'grant',
          userId: u.owner.id,
          clientId: undefined,
          scopes: undefined,
          restrictedTo: undefined,
          expiresAt: NOW,
        };
        await insertToken(u.db, 'secret', token);
        await assert.rejects(insertToken(u.db, 'secret', token), hasCode('conflict'));
        // As for a request whose app is removed by a command next to the server.
        await assert.rejects(insertToken(u.db, 'other', { ...token, clientId: 'removed' }), hasCode('busy'));
      },
    );

    testRecords('do not include what others write at the same time', async (u) => {
      const [inside, outside] = [await openSession(u), await openSession(u)];
      const begun = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      const failing = u.db.transaction().execute(async (tx) => {
        await insertPart(tx, inside.id, newPart(0), NOW);
        begun.resolve();
        await go.promise;
        await insertPart(tx, inside.id, newPart(1), NOW);
        throw new Error('rolled back');
      });
      await begun.promise;
      const other = insertPart(u.db, outside.id, newPart(0), NOW);
      go.resolve();
      await assert.rejects(failing, /rolled back/);
      assert.equal(await other, true);
      assert.equal(await countParts(u.db, outside.id), 1);
      assert.equal(await countParts(u.db, inside.id), 0);
    });

    testRecords(
      'that publish one name in parallel, in any case, from several nodes: one succeeds, the others leave nothing',
      async (u) => {
        const nodes = [u.db, await u.openAnother()];
        for (let round = 0; round < ROUNDS; round++) {
          const results = await Promise.allSettled(
            Array.from({ length: 6 }, (_, n) =>
              turn(nodes, n)
                .transaction()
                .execute((tx) =>
                  publishNewFile(
                    tx,
                    { folderId: u.owner.root_id, name: `${n % 2 ? 'name' : 'NAME'}${round}` },
                    committedFile(u, randomBlobId()),
                  ),
                ),
            ),
          );
          const won = results.filter((result) => result.status === 'fulfilled');
          assert.equal(won.length, 1);
          for (const { reason } of results.filter((result) => result.status === 'rejected')) {
            assert.equal(reason.code, 'name-in-use');
            assert.equal(reason.context.conflicts.id, String(won[0]?.value.fileId));
          }
          const { files, versions } = await countFilesAndVersions(u);
          assert.equal(files.length, round + 1);
          assert.equal(versions, round + 1);
        }
      },
    );
  });
}

async function countFilesAndVersions({ db }: DatabaseFixture): Promise<{ files: string[]; versions: number }> {
  const files = await db.selectFrom('items').select('name').where('kind', '=', 'file').execute();
  const versions = await db.selectFrom('versions').select('id').execute();
  return { files: files.map(({ name }) => name), versions: versions.length };
}

function hasCode(code: DatabaseError['code']): (error: unknown) => boolean {
  return (error) => error instanceof DatabaseError && error.code === code;
}
