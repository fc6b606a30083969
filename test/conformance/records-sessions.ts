import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { ItemId, SessionId, VersionId } from '../../packages/protocol/src/ids.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { publishNewFile } from '../../packages/server/src/files/publish.ts';
import type { Session } from '../../packages/server/src/uploads/session.ts';
import {
  deleteEndedSessions,
  findReferencedBlobs,
  findSession,
  insertPart,
  listOpenSessions,
  listOverdueSessions,
  setCommitted,
} from '../../packages/server/src/uploads/session-store.ts';
import { newPart, newSha1, randomBlobId } from '../uploads/session-samples.ts';
import { ALL_ENDS, type Behaves, committedFile, ENDS, NOW, openSession } from './records-samples.ts';

export function testSessions(testRecords: Behaves): void {
  describe('sessions', () => {
    testRecords('are read as they were inserted', async (u) => {
      const fileId = newId<ItemId>();
      const big = { fileSize: 5 * 2 ** 40, partSize: 2 ** 30, partCount: 5120 };
      const targets: Session['target'][] = [
        { kind: 'file', folderId: u.owner.root_id, name: 'naïve ‮ "quoted" 漢字 🎞.bin' },
        { kind: 'version', folderId: u.owner.root_id, fileId, name: 'new name' },
        { kind: 'version', folderId: u.owner.root_id, fileId, name: undefined },
      ];
      for (const target of targets) {
        const staging = { blob: randomBlobId(), layout: big, backendState: 'what the driver needs' };
        const session = await openSession(u, { target, staged: staging, expiresAt: 4_102_444_800_123 });
        assert.deepEqual(await findSession(u.db, session.id), session);
      }
    });

    testRecords('have the result of their commit', async (u) => {
      const { id } = await openSession(u);
      const committed = { fileId: newId<ItemId>(), versionId: newId<VersionId>(), sha1: newSha1() };
      await u.db.transaction().execute((tx) => setCommitted(tx, id, committed));
      assert.deepEqual((await findSession(u.db, id))?.committed, committed);
    });

    testRecords('are overdue from their expiry time, oldest first, while they are open', async (u) => {
      const ids = [];
      for (const expiresAt of [30, 10, 20, 40, 41]) ids.push((await openSession(u, { expiresAt })).id);
      for (const end of ALL_ENDS) await ENDS[end](u.db, (await openSession(u, { expiresAt: 5 })).id);
      const overdue = async (limit: number) => (await listOverdueSessions(u.db, 40, limit)).map(({ id }) => id);
      assert.deepEqual(await overdue(10), [ids[1], ids[2], ids[0], ids[3]]);
      assert.deepEqual(await overdue(2), [ids[1], ids[2]]);
    });

    testRecords('are listed in the order of their IDs, each open one once', async (u) => {
      const ids: SessionId[] = [];
      for (let n = 0; n < 7; n++) ids.push((await openSession(u)).id);
      for (const end of ALL_ENDS) await ENDS[end](u.db, (await openSession(u)).id);
      const walked: SessionId[] = [];
      for (;;) {
        const page = await listOpenSessions(u.db, walked.at(-1) ?? '', 3);
        if (page.length === 0) break;
        walked.push(...page.map(({ id }) => id));
      }
      assert.deepEqual(walked, ids.toSorted());
    });

    testRecords('are deleted when no client can ask for them any longer, never while they are open', async (u) => {
      const made = { open: [], committed: [], expired: [] } as Record<'open' | 'committed' | 'expired', SessionId[]>;
      for (const [state, ids] of Object.entries(made) as ['open' | 'committed' | 'expired', SessionId[]][]) {
        for (const expiresAt of [10, 20, 21]) {
          const { id } = await openSession(u, { expiresAt });
          await insertPart(u.db, id, newPart(0), NOW);
          if (state !== 'open') await ENDS[state](u.db, id);
          ids.push(id);
        }
      }
      await deleteEndedSessions(u.db, { now: 20, expiredBefore: 10 });
      const left = await u.db.selectFrom('upload_sessions').select('id').execute();
      const expected = [...made.open, made.committed[2], ...made.expired.slice(1)];
      assert.deepEqual(left.map(({ id }) => id).toSorted(), expected.toSorted());
      const parts = await u.db.selectFrom('parts').select('session_id').execute();
      assert.deepEqual(parts.map((part) => part.session_id).toSorted(), [...made.open, made.committed[2]].toSorted());
    });
  });

  describe('blobs', () => {
    testRecords('are owned by an open session or by a version, and by nothing else', async (u) => {
      const named = randomBlobId();
      await u.db
        .transaction()
        .execute((tx) => publishNewFile(tx, { folderId: u.owner.root_id, name: 'a' }, committedFile(u, named)));
      const open = (await openSession(u)).staged.blob;
      const ended = [];
      for (const end of ALL_ENDS) {
        const session = await openSession(u);
        await ENDS[end](u.db, session.id);
        ended.push(session.staged.blob);
      }
      const owned = await findReferencedBlobs(u.db, [...ended, named, randomBlobId(), open]);
      assert.deepEqual([...owned].toSorted(), [named, open].toSorted());
    });

    testRecords('have no owners if none are asked for', async ({ db }) => {
      assert.deepEqual(await findReferencedBlobs(db, []), new Set());
    });
  });
}
