import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RefusalCode } from '../../packages/protocol/src/errors.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { abortSession, expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import type { PartBody } from '../../packages/server/src/uploads/part-locks.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import {
  assertNothingLeft,
  assertOnlyFile,
  begin,
  bytesOf,
  commitOf,
  put,
  putAll,
  removeOrphansNow,
  tryCommit,
  type Upload,
} from '../uploads/acts.ts';
import { LIFETIME, openRoom, type Room } from '../uploads/room.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import type { Fault } from './faulty.ts';

/** How a session can end without a file, and what whoever comes too late is told. */
const ENDS: Record<string, { end: (room: Room, upload: Upload) => Promise<unknown>; code: RefusalCode }> = {
  'an abort': {
    end: (room, { session }) => abortSession(room.uploads, session.owner, session.id),
    code: 'upload_session_not_found',
  },
  'an expiry': {
    end: (room) => {
      room.clock.advance(LIFETIME);
      return expireSessions(room.uploads);
    },
    code: 'session_expired',
  },
};

/** Where the end comes from: the server that has the request, or another one beside it. */
const NODES: Record<string, (room: Room) => Promise<Room>> = {
  here: async (room) => room,
  'on another node': (room) => room.another(),
};

for (const [what, { end, code }] of Object.entries(ENDS)) {
  for (const [where, nodeOf] of Object.entries(NODES)) {
    describe(`${what} ${where}`, () => {
      for (const [point, fault] of Object.entries({
        'while the whole digest is computed': { method: 'localPart', when: 'before', call: 1 },
        'when the whole digest is ready': { method: 'complete', when: 'before' },
        'when the bytes are sealed and not yet published': { method: 'complete', when: 'after' },
      } satisfies Record<string, Fault<BlobStore>>)) {
        // Over S3 the digest needs no byte again after a restart; nodes-ends.test.ts has the commit that does.
        const skip = fault.method === 'localPart' && bytesNotOnDisk;
        it(`wins over a commit ${point}, and leaves nothing`, { skip: skip || false }, async () => {
          await using first = await openRoom();
          const upload = await begin(first);
          await putAll(first, upload);
          const plan: Fault<BlobStore>[] = [];
          // A new room, so that the digest has to begin again.
          await using room = await first.restarted({ plan });
          const node = await nodeOf(room);
          plan.push({ ...fault, hook: () => end(node, upload) });
          await assert.rejects(tryCommit(room, upload), { code });
          await assertNothingLeft(room, upload);
        });
      }

      it('that comes while the file is being named waits, and the file stands', async () => {
        await using room = await openRoom();
        const node = await nodeOf(room);
        const upload = await begin(room);
        await putAll(room, upload);
        let ended: Promise<unknown> | undefined;
        room.uploads.db = watchQueries(room.uploads.db, {
          after: (query) => {
            if (query === 'insert versions') ended = end(node, upload);
          },
        });
        const file = await commitOf(room, upload);
        // The expiry passes by a session that is committed by then, and the abort finds nothing to abort.
        await ended;
        await assertOnlyFile(room, upload, file);
      });

      it('that comes after the commit leaves the file', async () => {
        await using room = await openRoom();
        const node = await nodeOf(room);
        const upload = await begin(room);
        await putAll(room, upload);
        const file = await commitOf(room, upload);
        await end(node, upload);
        await removeOrphansNow(room);
        await assertOnlyFile(room, upload, file);
      });

      for (const [point, fault] of Object.entries({
        'before its first byte is written': { method: 'writePart', when: 'before' },
        'when its bytes are written and it has no row yet': { method: 'writePart', when: 'after' },
      } satisfies Record<string, Fault<BlobStore>>)) {
        it(`refuses a part that is arriving, ${point}`, async () => {
          const plan: Fault<BlobStore>[] = [];
          await using room = await openRoom({ plan });
          const node = await nodeOf(room);
          const upload = await begin(room);
          await put(room, upload, 0);
          plan.push({ ...fault, hook: () => end(node, upload) });
          await assert.rejects(put(room, upload, 1), { code });
          await assertNothingLeft(room, upload);
        });
      }

      it('refuses a part that is arriving, in the middle of its body', async () => {
        await using room = await openRoom();
        const node = await nodeOf(room);
        const upload = await begin(room);
        const body = endingInTheMiddle(bytesOf(upload, 1), () => end(node, upload));
        await assert.rejects(put(room, upload, 1, { body }), { code });
        await assertNothingLeft(room, upload);
      });
    });
  }

  it(`the bytes that ${what} could not remove go with the next sweep`, async () => {
    const plan: Fault<BlobStore>[] = [{ method: 'remove', when: 'before', call: 1, fail: new Error('died here') }];
    await using room = await openRoom({ plan });
    const upload = await begin(room);
    await putAll(room, upload);
    await assert.rejects(end(room, upload), /died here/);
    assert.equal(await removeOrphansNow(room), 1);
    await assertNothingLeft(room, upload);
  });
}

function endingInTheMiddle(bytes: Buffer, end: () => Promise<unknown>): PartBody {
  async function* body(): AsyncGenerator<Buffer> {
    yield Buffer.from(bytes.subarray(0, 40_000));
    await end();
    yield Buffer.from(bytes.subarray(40_000));
  }
  return Object.assign(body(), { destroy: () => {} });
}
