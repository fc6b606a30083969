import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { DomainErrorCode } from '../../packages/server/src/errors.ts';
import { uploadFile } from '../../packages/server/src/files/direct-upload.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { collectGarbage } from '../../packages/server/src/uploads/collect-garbage.ts';
import { abortSession, expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import { SerialQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { collect } from '../conformance/blob-samples.ts';
import { stopPostgres } from '../database/postgres-database.ts';
import { noPostgres } from '../engines/postgres.ts';
import { until } from '../support/until.ts';
import { createSlowBody } from '../uploads/bodies.ts';
import { type Node, openNodes } from '../uploads/nodes.ts';
import { LIFETIME } from '../uploads/upload-fixture.ts';
import {
  assertNothingLeft,
  assertOnlyFile,
  collectGarbageNow,
  commitUpload,
  createUpload,
  listVersions,
  partsIn,
  sendAllParts,
  sendPart,
  tryCommit,
  type Upload,
} from '../uploads/upload-steps.ts';
import type { Fault } from './faulty.ts';

const ROUNDS = 8;

/** The ways in which a session ends without a file on a node, and the error for requests that come too late. */
const ENDS: Record<string, { end: (node: Node, upload: Upload) => Promise<unknown>; code: DomainErrorCode }> = {
  'an abort': {
    end: (node, { session }) => abortSession(node.uploads, session.owner, session.id),
    code: 'session-not-found',
  },
  'an expiry': {
    end: (node) => {
      node.uploads.clock = node.clock.ahead(LIFETIME);
      return expireSessions(node.uploads);
    },
    code: 'session-expired',
  },
};

after(stopPostgres);

describe('two commits of one upload on two nodes', { skip: noPostgres }, () => {
  it('in parallel create one file with one version, and both get it', async () => {
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(), await nodes.start()];
    for (let round = 1; round <= ROUNDS; round++) {
      const upload = await createUpload(one);
      for (const index of partsIn(upload)) await sendPart(index % 2 === 0 ? one : other, upload, index);
      const [file, same] = await Promise.all([commitUpload(one, upload), commitUpload(other, upload)]);
      assert.equal(same.versionId, file.versionId);
      assert.equal((await listVersions(one)).length, round);
    }
  });

  for (const when of ['before', 'after'] as const) {
    it(`create one file if the other node does all of it ${when} this one has completed the blob`, async () => {
      const plan: Fault<BlobStore>[] = [];
      await using nodes = await openNodes();
      const [one, other] = [await nodes.start({ plan }), await nodes.start()];
      const upload = await createUpload(one);
      await sendAllParts(one, upload);
      plan.push({ method: 'complete', when, hook: () => commitUpload(other, upload) });
      const file = await commitUpload(one, upload);
      await collectGarbageNow(other);
      await assertOnlyFile(one, upload, file);
    });
  }
});

for (const [what, { end, code }] of Object.entries(ENDS)) {
  describe(`${what} on one node and a commit on another`, { skip: noPostgres }, () => {
    for (const when of ['before', 'after'] as const) {
      it(`${when} the bytes are complete: the first to change the session wins, and nothing is left`, async () => {
        const plan: Fault<BlobStore>[] = [];
        await using nodes = await openNodes();
        const [one, other] = [await nodes.start({ plan }), await nodes.start()];
        const upload = await createUpload(one);
        await sendAllParts(one, upload);
        plan.push({ method: 'complete', when, hook: () => end(other, upload) });
        await assert.rejects(tryCommit(one, upload), { code });
        await assertNothingLeft(one, upload);
      });
    }

    it('while the stored file is read: nothing is left', async () => {
      const plan: Fault<BlobStore>[] = [];
      await using nodes = await openNodes();
      const [one, other] = [await nodes.start({ plan }), await nodes.start()];
      const upload = await createUpload(one);
      for (const index of [2, 1]) await sendPart(one, upload, index);
      one.spool.dropAllLocalParts();
      await sendPart(one, upload, 0);
      plan.push({ method: 'read', when: 'after', hook: () => end(other, upload) });
      await assert.rejects(tryCommit(one, upload), { code });
      await assertNothingLeft(one, upload);
    });

    it('that timed out and continues reading, with a removal before the blob was complete: nothing is left', {
      timeout: 60_000,
    }, async () => {
      const gate = Promise.withResolvers<void>();
      const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', delay: gate.promise }];
      // Like an S3 store that shows an object only after it was told to delete it.
      const early: Fault<BlobStore>[] = [
        { method: 'remove', when: 'before', call: 1, fail: new Error('the store is away') },
      ];
      await using nodes = await openNodes();
      const [one, other] = [await nodes.start({ plan }), await nodes.start({ plan: early })];
      const upload = await createUpload(one);
      for (const index of [2, 1]) await sendPart(one, upload, index);
      one.spool.dropAllLocalParts();
      await sendPart(one, upload, 0);
      assert.equal(await tryCommit(one, upload, { timeout: 50 }), undefined);
      await assert.rejects(end(other, upload), /the store is away/);
      gate.resolve();
      await until(async () => (await collect(one.uploads.blobs.list())).length === 0);
      await assertNothingLeft(one, upload);
    });

    it('in parallel: there is either the file or nothing, and the loser gets an error', async () => {
      await using nodes = await openNodes();
      const [one, other] = [await nodes.start(), await nodes.start()];
      for (let round = 0; round < ROUNDS; round++) {
        other.uploads.clock = other.clock;
        const upload = await createUpload(one);
        await sendAllParts(one, upload);
        const [committed] = await Promise.allSettled([commitUpload(one, upload), end(other, upload)]);
        const state = (await findSession(one.uploads.db, upload.session.id))?.state;
        if (committed.status === 'fulfilled') {
          // Or deleted already, because the expiry also deletes sessions that were committed long ago.
          assert.ok(state === 'committed' || state === undefined, state);
          const { versionId } = committed.value;
          const file = (await listVersions(one)).find((version) => version.file.versionId === versionId);
          assert.deepEqual(file?.bytes, upload.bytes);
        } else {
          assert.equal(committed.reason.code, code);
          assert.notEqual(state, 'open');
          assert.notEqual(state, 'committed');
        }
      }
    });
  });
}

describe('garbage collection on one node', { skip: noPostgres }, () => {
  for (const when of ['before', 'after'] as const) {
    it(`keeps the bytes of a commit that is about to publish on another, ${when} they are complete`, async () => {
      const plan: Fault<BlobStore>[] = [];
      await using nodes = await openNodes();
      const [one, other] = [await nodes.start({ plan }), await nodes.start()];
      const upload = await createUpload(one);
      await sendAllParts(one, upload);
      plan.push({
        method: 'complete',
        when,
        hook: async () =>
          assert.deepEqual([await expireSessions(other.uploads), await collectGarbageNow(other)], [0, 0]),
      });
      await assertOnlyFile(one, upload, await commitUpload(one, upload));
    });
  }

  it('keeps the bytes of an upload that is about to get its row on another: they are within the grace period', async () => {
    const plan: Fault<BlobStore>[] = [];
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start({ plan }), await nodes.start()];
    plan.push({ method: 'create', when: 'after', hook: () => collectGarbage(other.uploads, { grace: 60_000 }) });
    const upload = await createUpload(one);
    await sendAllParts(one, upload);
    await assertOnlyFile(one, upload, await commitUpload(one, upload));
  });

  it('keeps the bytes of a direct upload on another that are stored but not yet referenced', async () => {
    const plan: Fault<BlobStore>[] = [];
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start({ plan }), await nodes.start()];
    plan.push({
      method: 'put',
      when: 'after',
      hook: async () => assert.equal(await collectGarbage(other.uploads, { grace: 60_000 }), 0),
    });
    const { fileId } = await sendDirectUpload(one, Buffer.from('a direct upload'));
    const [file, ...more] = await listVersions(one);
    assert.deepEqual(more, []);
    assert.deepEqual(file, {
      file: { fileId, versionId: file?.file.versionId },
      bytes: Buffer.from('a direct upload'),
    });
  });

  it('that deletes the bytes of a direct upload longer than the grace period fails that upload, and no file is incomplete', async () => {
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(), await nodes.start()];
    const body = createSlowBody();
    const sending = sendDirectUpload(one, body);
    body.send(Buffer.alloc(200_000));
    // Long enough for the store to have started, which it does at the first byte.
    while (true) {
      if ((await collectGarbageNow(other)) > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    body.send(Buffer.alloc(100));
    body.end();
    await assert.rejects(sending, { code: 'ENOENT' });
    assert.deepEqual(await listVersions(one), []);
  });
});

async function sendDirectUpload(node: Node, bytes: AsyncIterable<Uint8Array> | Buffer) {
  const { db, blobs, inFlight, clock, limits } = node.uploads;
  const files = {
    db,
    blobs,
    inFlight,
    clock,
    maxFileSize: limits.maxFileSize,
    userQuota: undefined,
    limits,
    trashRetention: { period: undefined, since: 0 },
    treeBatches: new SerialQueue(),
  };
  const { id: caller, root_id: folderId } = node.owner;
  const body = Buffer.isBuffer(bytes) ? oneChunk(bytes) : bytes;
  return uploadFile(files, { folderId, name: 'direct.bin' }, { caller, bytes: body, sha1: undefined });
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(bytes);
}
