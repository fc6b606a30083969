import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DomainErrorCode } from '../../packages/server/src/errors.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { abortSession, expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import type { PartBody } from '../../packages/server/src/uploads/part-locks.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { LIFETIME, openUploadFixture, type UploadFixture } from '../uploads/upload-fixture.ts';
import {
  assertNothingLeft,
  assertOnlyFile,
  collectGarbageNow,
  commitUpload,
  createUpload,
  partBytes,
  sendAllParts,
  sendPart,
  tryCommit,
  type Upload,
} from '../uploads/upload-steps.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import type { Fault } from './faulty.ts';

/** How a session can end without a file, and what whoever comes too late is told. */
const ENDS: Record<
  string,
  { end: (fixture: UploadFixture, upload: Upload) => Promise<unknown>; code: DomainErrorCode }
> = {
  'an abort': {
    end: (fixture, { session }) => abortSession(fixture.uploads, session.owner, session.id),
    code: 'session-not-found',
  },
  'an expiry': {
    end: (fixture) => {
      fixture.clock.advance(LIFETIME);
      return expireSessions(fixture.uploads);
    },
    code: 'session-expired',
  },
};

/** Where the end comes from: the server that has the request, or another one beside it. */
const NODES: Record<string, (fixture: UploadFixture) => Promise<UploadFixture>> = {
  here: async (fixture) => fixture,
  'on another node': (fixture) => fixture.openAnother(),
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
          await using first = await openUploadFixture();
          const upload = await createUpload(first);
          await sendAllParts(first, upload);
          const plan: Fault<BlobStore>[] = [];
          // A new room, so that the digest has to begin again.
          await using fixture = await first.restart({ plan });
          const node = await nodeOf(fixture);
          plan.push({ ...fault, hook: () => end(node, upload) });
          await assert.rejects(tryCommit(fixture, upload), { code });
          await assertNothingLeft(fixture, upload);
        });
      }

      it('that comes while the file is being named waits, and the file stands', async () => {
        await using fixture = await openUploadFixture();
        const node = await nodeOf(fixture);
        const upload = await createUpload(fixture);
        await sendAllParts(fixture, upload);
        let ended: Promise<unknown> | undefined;
        fixture.uploads.db = watchQueries(fixture.uploads.db, {
          after: (query) => {
            if (query === 'insert versions') ended = end(node, upload);
          },
        });
        const file = await commitUpload(fixture, upload);
        // The expiry passes by a session that is committed by then, and the abort finds nothing to abort.
        await ended;
        await assertOnlyFile(fixture, upload, file);
      });

      it('that comes after the commit leaves the file', async () => {
        await using fixture = await openUploadFixture();
        const node = await nodeOf(fixture);
        const upload = await createUpload(fixture);
        await sendAllParts(fixture, upload);
        const file = await commitUpload(fixture, upload);
        await end(node, upload);
        await collectGarbageNow(fixture);
        await assertOnlyFile(fixture, upload, file);
      });

      for (const [point, fault] of Object.entries({
        'before its first byte is written': { method: 'writePart', when: 'before' },
        'when its bytes are written and it has no row yet': { method: 'writePart', when: 'after' },
      } satisfies Record<string, Fault<BlobStore>>)) {
        it(`refuses a part that is arriving, ${point}`, async () => {
          const plan: Fault<BlobStore>[] = [];
          await using fixture = await openUploadFixture({ plan });
          const node = await nodeOf(fixture);
          const upload = await createUpload(fixture);
          await sendPart(fixture, upload, 0);
          plan.push({ ...fault, hook: () => end(node, upload) });
          await assert.rejects(sendPart(fixture, upload, 1), { code });
          await assertNothingLeft(fixture, upload);
        });
      }

      it('refuses a part that is arriving, in the middle of its body', async () => {
        await using fixture = await openUploadFixture();
        const node = await nodeOf(fixture);
        const upload = await createUpload(fixture);
        const body = endingInTheMiddle(partBytes(upload, 1), () => end(node, upload));
        await assert.rejects(sendPart(fixture, upload, 1, { body }), { code });
        await assertNothingLeft(fixture, upload);
      });
    });
  }

  it(`the bytes that ${what} could not remove go with the next sweep`, async () => {
    const plan: Fault<BlobStore>[] = [{ method: 'remove', when: 'before', call: 1, fail: new Error('died here') }];
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    await assert.rejects(end(fixture, upload), /died here/);
    assert.equal(await collectGarbageNow(fixture), 1);
    await assertNothingLeft(fixture, upload);
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
