import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeId } from '../../packages/protocol/src/ids.ts';
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
