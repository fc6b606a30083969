import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeId, SessionId } from '../../packages/protocol/src/ids.ts';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { abortSession } from '../../packages/server/src/uploads/end-session.ts';
import { SingleNodeRegistry } from '../../packages/server/src/uploads/registry/single-node.ts';
import type { Fault } from '../faults/faulty.ts';
import { createSlowBody } from './bodies.ts';
import { openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import {
  commitUpload,
  createUpload,
  listVersions,
  partBytes,
  sendAllParts,
  sendPart,
  type Upload,
  waitForFirstQueries,
} from './upload-steps.ts';
import { type QueryName, watchQueries } from './watch-queries.ts';

const NODE = '0123456789abcdef' as NodeId;

describe('the part registry of a single node', () => {
  it('reads a session once, and then needs one statement per part', async () => {
    await using fixture = await openFixture();
    const upload = await createUpload(fixture, { partCount: 4 });
    const queries = recordQueries(fixture);
    await sendPart(fixture, upload, 2);
    assert.deepEqual(queries.toSorted(), ['insert parts', 'select parts', 'select upload_sessions']);
    for (const index of [0, 3, 1]) {
      queries.length = 0;
      await sendPart(fixture, upload, index);
      assert.deepEqual(queries, ['insert parts']);
    }
  });

  it('finds parts that were stored before the process started', async () => {
    await using first = await openFixture();
    const upload = await createUpload(first, { partCount: 3 });
    await sendPart(first, upload, 1);
    await using fixture = await first.openAnother();
    useRegistry(fixture);
    const other = Buffer.alloc(partBytes(upload, 1).length, 'other');
    await assert.rejects(sendPart(fixture, upload, 1, { bytes: other }), { code: 'part-exists' });
    await sendAllParts(fixture, upload);
    await assertCommits(fixture, upload);
  });

  it('never writes over a part that is stored while its session would be loaded again', async () => {
    await using fixture = await openFixture({ maxSessions: 1 });
    const upload = await createUpload(fixture, { partCount: 3, name: 'kept' });
    const [body, others] = [createSlowBody(), await createUpload(fixture, { partCount: 1, name: 'others' })];
    const sending = sendPart(fixture, upload, 0, { body });
    await waitForFirstQueries(fixture, upload);
    // The cache has room for one session, but the one in use stays.
    await sendAllParts(fixture, others);
    const { promise: stored, resolve: setStored } = Promise.withResolvers<void>();
    fixture.uploads.db = watchQueries(fixture.uploads.db, { after: (query) => query === 'select parts' && stored });
    const rest = Promise.all([sendPart(fixture, upload, 1), sendPart(fixture, upload, 2)]);
    await waitForFirstQueries(fixture, upload);
    body.send(partBytes(upload, 0));
    body.end();
    await sending;
    setStored();
    await rest;
    const other = Buffer.alloc(partBytes(upload, 0).length, 'other');
    await assert.rejects(sendPart(fixture, upload, 0, { bytes: other }), { code: 'part-exists' });
    await assertCommits(fixture, upload);
  });

  it('treats a part as stored if its row was written although the statement failed', async () => {
    await using fixture = await openFixture();
    const upload = await createUpload(fixture, { partCount: 2 });
    const { db } = fixture.uploads;
    let fails = true;
    fixture.uploads.db = watchQueries(db, {
      after: (query) => {
        if (query === 'insert parts' && fails) throw new Error('the connection was lost');
      },
    });
    await assert.rejects(sendPart(fixture, upload, 0), /the connection was lost/);
    fails = false;
    const other = Buffer.alloc(partBytes(upload, 0).length, 'other');
    await assert.rejects(sendPart(fixture, upload, 0, { bytes: other }), { code: 'part-exists' });
    await sendAllParts(fixture, upload);
    await assertCommits(fixture, upload);
  });

  it('writes nothing for a session that ended while another part was in progress', async () => {
    let writes = 0;
    await using fixture = await openFixture({ plan: [{ method: 'writePart', when: 'before', hook: () => writes++ }] });
    const upload = await createUpload(fixture, { partCount: 2 });
    const body = createSlowBody();
    const sending = assert.rejects(sendPart(fixture, upload, 0, { body }), { code: 'session-not-found' });
    await waitForFirstQueries(fixture, upload);
    await abortSession(fixture.uploads, upload.session.owner, upload.session.id);
    await assert.rejects(sendPart(fixture, upload, 1), { code: 'session-not-found' });
    body.send(partBytes(upload, 0));
    body.end();
    await sending;
    assert.equal(writes, 1);
  });

  it('keeps a session as long as any request uses it, and then drops the least recently used one', async () => {
    await using fixture = await openFixture({ maxSessions: 1 });
    const { registry } = fixture.uploads;
    const [first, second] = [await createUpload(fixture), await createUpload(fixture)];
    const { owner } = first.session;
    const reads = recordQueries(fixture);
    const countReads = async ({ session }: Upload) => {
      const before = reads.length;
      assert.equal((await registry.getSession(owner, session.id)).id, session.id);
      return reads.slice(before).filter((query) => query === 'select upload_sessions').length;
    };
    // The session is used twice, and released once.
    assert.deepEqual([await countReads(first), await countReads(first)], [1, 0]);
    registry.release(first.session.id);
    assert.equal(await countReads(second), 1);
    registry.release(second.session.id);
    assert.equal(await countReads(first), 0);
    registry.release(first.session.id);
    registry.release(first.session.id);
    assert.equal(await countReads(second), 1);
    registry.release(second.session.id);
    assert.equal(await countReads(first), 1);
    registry.release(first.session.id);
  });

  it('keeps no place for sessions that do not exist or have ended', async () => {
    await using fixture = await openFixture({ maxSessions: 2 });
    const { registry } = fixture.uploads;
    const [kept, ended, last] = [await createUpload(fixture), await createUpload(fixture), await createUpload(fixture)];
    const { owner } = kept.session;
    const useOnce = async ({ session }: Upload) => {
      await registry.getSession(owner, session.id);
      registry.release(session.id);
    };
    await useOnce(kept);
    await assert.rejects(registry.getSession(owner, 'F'.repeat(32) as SessionId), { code: 'session-not-found' });
    await useOnce(ended);
    registry.forgetSession(ended.session.id);
    await useOnce(last);
    const reads = recordQueries(fixture);
    await useOnce(kept);
    assert.deepEqual(reads, []);
  });

  it('does not keep a session for a user who may not use it', async () => {
    await using fixture = await openFixture({ maxSessions: 1 });
    const { registry, db } = fixture.uploads;
    const [first, second] = [await createUpload(fixture), await createUpload(fixture)];
    const { owner } = first.session;
    const stranger = await addUser(db, { login: 'stranger@partway.test', name: 'S', now: fixture.clock.now() });
    await assert.rejects(registry.getSession(stranger.id, first.session.id), { code: 'forbidden' });
    await registry.getSession(owner, second.session.id);
    registry.release(second.session.id);
    const reads = recordQueries(fixture);
    await registry.getSession(owner, first.session.id);
    assert.ok(reads.includes('select upload_sessions'));
    registry.release(first.session.id);
  });

  it('does not keep what it read of a session that ended meanwhile', async () => {
    await using fixture = await openFixture();
    const upload = await createUpload(fixture);
    const { owner, id } = upload.session;
    const { db } = fixture.uploads;
    fixture.uploads.db = watchQueries(db, {
      after: (query) => query === 'select parts' && abortSession({ ...fixture.uploads, db }, owner, id),
    });
    const { registry } = fixture.uploads;
    await registry.getSession(owner, id);
    fixture.uploads.db = db;
    await assert.rejects(registry.getSession(owner, id), { code: 'session-not-found' });
    registry.release(id);
    await assert.rejects(registry.getSession(owner, id), { code: 'session-not-found' });
  });

  it('leaves no reservations for other nodes', async () => {
    await using fixture = await openFixture();
    const { session } = await createUpload(fixture);
    assert.equal(await fixture.uploads.registry.hasReservations(session.id), false);
  });

  it('ignores the release and the end of a session that it does not know', async () => {
    await using fixture = await openFixture();
    const { registry } = fixture.uploads;
    const { session } = await createUpload(fixture);
    registry.release(session.id);
    registry.forgetSession(session.id);
    assert.equal((await registry.getSession(session.owner, session.id)).id, session.id);
  });
});

async function openFixture({
  maxSessions = 10,
  plan = [],
}: {
  maxSessions?: number;
  plan?: Fault<BlobStore>[];
} = {}): Promise<UploadFixture> {
  const fixture = await openUploadFixture({ plan });
  useRegistry(fixture, { maxSessions });
  return fixture;
}

/** Uses the registry of a single node with any database. */
function useRegistry({ uploads }: UploadFixture, options: { maxSessions?: number } = {}): void {
  uploads.registry = new SingleNodeRegistry(Object.assign(uploads, { node: NODE }), options);
}

function recordQueries({ uploads }: UploadFixture): QueryName[] {
  const queries: QueryName[] = [];
  uploads.db = watchQueries(uploads.db, { before: (query) => queries.push(query) });
  return queries;
}

/** Commits an upload, and compares the bytes of its file: only the hash of the parts as they arrived is compared before. */
async function assertCommits(fixture: UploadFixture, upload: Upload): Promise<void> {
  const file = await commitUpload(fixture, upload);
  const found = (await listVersions(fixture)).find(({ file: { versionId } }) => versionId === file.versionId);
  assert.ok(found?.bytes.equals(upload.bytes));
}
