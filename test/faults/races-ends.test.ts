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

/** The ways in which a session can end without a file, and the error for requests that come too late. */
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

/** Where the session is ended: on the server that has the request, or on another node. */
const NODES: Record<string, (fixture: UploadFixture) => Promise<UploadFixture>> = {
  'on the same node': async (fixture) => fixture,
  'on another node': (fixture) => fixture.openAnother(),
};

for (const [what, { end, code }] of Object.entries(ENDS)) {
  for (const [where, openEndingNode] of Object.entries(NODES)) {
    describe(`${what} ${where}`, () => {
      for (const [point, fault] of Object.entries({
        'while the whole-file hash is calculated': { method: 'localPart', when: 'before', call: 1 },
        'when the whole-file hash is ready': { method: 'complete', when: 'before' },
        'when the bytes are complete but not yet published': { method: 'complete', when: 'after' },
      } satisfies Record<string, Fault<BlobStore>>)) {
        // With S3, the hasher needs no bytes again after a restart; nodes-ends.test.ts has the commit that does.
        const skip = fault.method === 'localPart' && bytesNotOnDisk;
        it(`wins against a commit ${point}, and leaves nothing`, { skip: skip || false }, async () => {
          await using first = await openUploadFixture();
          const upload = await createUpload(first);
          await sendAllParts(first, upload);
          const plan: Fault<BlobStore>[] = [];
          // A new fixture, so that hashing has to start again.
          await using fixture = await first.restart({ plan });
          const node = await openEndingNode(fixture);
          plan.push({ ...fault, hook: () => end(node, upload) });
          await assert.rejects(tryCommit(fixture, upload), { code });
          await assertNothingLeft(fixture, upload);
        });
      }

      it('waits for the transaction of a commit in progress, and the file is kept', async () => {
        await using fixture = await openUploadFixture();
        const node = await openEndingNode(fixture);
        const upload = await createUpload(fixture);
        await sendAllParts(fixture, upload);
        let ended: Promise<unknown> | undefined;
        fixture.uploads.db = watchQueries(fixture.uploads.db, {
          after: (query) => {
            if (query === 'insert versions') ended = end(node, upload);
          },
        });
        const file = await commitUpload(fixture, upload);
        // By then the session is committed, so the expiry skips it and the abort finds nothing to abort.
        await ended;
        await assertOnlyFile(fixture, upload, file);
      });

      it('keeps the file if it comes after the commit', async () => {
        await using fixture = await openUploadFixture();
        const node = await openEndingNode(fixture);
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
        it(`rejects a part in progress, ${point}`, async () => {
          const plan: Fault<BlobStore>[] = [];
          await using fixture = await openUploadFixture({ plan });
          const node = await openEndingNode(fixture);
          const upload = await createUpload(fixture);
          await sendPart(fixture, upload, 0);
          plan.push({ ...fault, hook: () => end(node, upload) });
          await assert.rejects(sendPart(fixture, upload, 1), { code });
          await assertNothingLeft(fixture, upload);
        });
      }

      it('rejects a part in progress, in the middle of its body', async () => {
        await using fixture = await openUploadFixture();
        const node = await openEndingNode(fixture);
        const upload = await createUpload(fixture);
        const body = endMidway(partBytes(upload, 1), () => end(node, upload));
        await assert.rejects(sendPart(fixture, upload, 1, { body }), { code });
        await assertNothingLeft(fixture, upload);
      });
    });
  }

  it(`garbage collection deletes the bytes that ${what} could not delete`, async () => {
    const plan: Fault<BlobStore>[] = [{ method: 'remove', when: 'before', call: 1, fail: new Error('died here') }];
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    await assert.rejects(end(fixture, upload), /died here/);
    assert.equal(await collectGarbageNow(fixture), 1);
    await assertNothingLeft(fixture, upload);
  });
}

function endMidway(bytes: Buffer, end: () => Promise<unknown>): PartBody {
  async function* body(): AsyncGenerator<Buffer> {
    yield Buffer.from(bytes.subarray(0, 40_000));
    await end();
    yield Buffer.from(bytes.subarray(40_000));
  }
  return Object.assign(body(), { destroy: () => {} });
}
