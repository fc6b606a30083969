import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import type { Kysely } from 'kysely';
import type { NodeId } from '../../packages/protocol/src/ids.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { DigestWorkerLostError } from '../../packages/server/src/hash-workers/errors.ts';
import {
  type HashState,
  openResumableHashPool,
  type ResumableHashPool,
} from '../../packages/server/src/hash-workers/resumable-pool.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { findHashCheckpoint } from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { rehashFromStore } from '../../packages/server/src/uploads/hashing/rehash-from-store.ts';
import { listParts } from '../../packages/server/src/uploads/session-store.ts';
import type { Fault } from '../faults/faulty.ts';
import { until } from '../support/until.ts';
import { type Node, openLoneNode } from './nodes.ts';
import { PART_SIZE } from './upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  partBytes,
  sendAllParts,
  sendPart,
  tryCommit,
  type Upload,
} from './upload-steps.ts';
import { watchQueries } from './watch-queries.ts';

const UNAVAILABLE = new Error('the database is away');

describe('whole-file hasher of a node', { timeout: 120_000 }, () => {
  it("continues at the commit with the node's local parts, even if it has forgotten about them", async () => {
    const opened: unknown[] = [];
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', hook: (_, range) => opened.push(range) }];
    let isAway = true;
    await using node = await openLoneNode({ plan, watch: (db) => failSaves(db, () => isAway) });
    const upload = await createUpload(node, { partCount: 4 });
    await sendAllParts(node, upload, [0, 1, 2]);
    await until(() => node.errors.length > 0);
    await sendPart(node, upload, 3);
    isAway = false;
    node.uploads.hasher.forget(upload.session.id);
    const file = await commitUpload(node, upload);
    assert.deepEqual(opened, []);
    await assertOnlyFile(node, upload, file);
    assert.ok(node.errors.every((error) => error === UNAVAILABLE));
  });

  it('finds its local parts in their rows at the commit if it has never hashed them', async () => {
    const opened: unknown[] = [];
    let completions = 0;
    const plan: Fault<BlobStore>[] = [
      { method: 'read', when: 'before', hook: (_, range) => opened.push(range) },
      { method: 'complete', when: 'before', hook: () => (completions += 1) },
    ];
    let isAway = false;
    const watch = (db: Kysely<Tables>) =>
      watchQueries(db, {
        before: (query) => {
          if (query === 'select upload_sessions' && isAway) throw UNAVAILABLE;
        },
      });
    await using node = await openLoneNode({ plan, watch });
    const upload = await createUpload(node, { partCount: 4 });
    await sendPart(node, upload, 0);
    await waitForCheckpoint(node, upload, 1);
    isAway = true;
    await sendAllParts(node, upload, [1, 2, 3]);
    await until(() => node.errors.length === 3);
    isAway = false;
    node.uploads.hasher.forget(upload.session.id);
    const file = await commitUpload(node, upload);
    assert.deepEqual(opened, []);
    assert.equal(completions, 1, 'only the commit completes the blob');
    await assertOnlyFile(node, upload, file);
  });

  it('uses another checkpoint that was saved while it was reading, even one at the same part', async () => {
    const upload: { it?: Upload } = {};
    const pool = openResumableHashPool({ workers: 1 });
    const otherState = await pool.extend(undefined, Buffer.alloc(PART_SIZE, 7));
    await pool.close();
    const digestPlan: Fault<ResumableHashPool>[] = [
      { method: 'extend', when: 'after', call: 2, hook: () => setState(node, otherState) },
    ];
    await using node = await openLoneNode({ digestPlan });
    upload.it = await createUpload(node, { partCount: 4 });
    await sendPart(node, upload.it, 0);
    await waitForCheckpoint(node, upload.it, 1);
    await sendPart(node, upload.it, 1);
    await waitForCheckpoint(node, upload.it, 2);
    const mark = await findHashCheckpoint(node.uploads.db, upload.it.session.id);
    const same = openResumableHashPool({ workers: 1 });
    assert.equal(mark?.state, await same.extend(otherState, Buffer.from(partBytes(upload.it, 1))));
    await same.close();
  });

  it('forgets a session that ended while it was reading, and reports no error', async () => {
    const digestPlan: Fault<ResumableHashPool>[] = [
      { method: 'extend', when: 'after', call: 1, hook: () => endSessions(node) },
    ];
    await using node = await openLoneNode({ digestPlan });
    const upload = await createUpload(node, { partCount: 3 });
    let asked = 0;
    node.uploads.db = watchQueries(node.uploads.db, { before: () => asked++ });
    await sendPart(node, upload, 0);
    await until(async () => (await findHashCheckpoint(node.uploads.db, upload.session.id)) === undefined);
    assert.deepEqual(node.errors, []);
    assert.ok(asked > 0);
  });

  it('reports an error if bytes cannot be read, and reads that part from the store at the commit', async () => {
    const broken = new Error('the bytes are damaged');
    const opened: unknown[] = [];
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', hook: (_, range) => opened.push(range) }];
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'before', call: 2, fail: broken }];
    await using node = await openLoneNode({ plan, digestPlan });
    const upload = await createUpload(node, { partCount: 3 });
    await sendAllParts(node, upload);
    await until(() => node.errors.length > 0);
    await until(async () => (await listOwners(node)).includes(''));
    assert.deepEqual(node.errors, [broken]);
    const file = await commitUpload(node, upload);
    assert.deepEqual(opened, [{ first: PART_SIZE, last: upload.bytes.length - 1 }]);
    await assertOnlyFile(node, upload, file);
  });

  it('continues in another thread if its thread is lost', async () => {
    const lost = new DigestWorkerLostError('the thread ended');
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'before', call: 2, fail: lost }];
    await using node = await openLoneNode({ digestPlan });
    const upload = await createUpload(node, { partCount: 3 });
    await sendAllParts(node, upload);
    await waitForCheckpoint(node, upload, 3);
    assert.deepEqual(node.errors, []);
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });

  it('drops the local bytes of each part that it has hashed, and no others', async () => {
    const dropped: number[] = [];
    const plan: Fault<BlobStore>[] = [
      { method: 'dropLocalPart', when: 'before', hook: (_, range) => dropped.push((range as { index: number }).index) },
    ];
    await using node = await openLoneNode({ plan });
    const upload = await createUpload(node, { partCount: 6 });
    await sendAllParts(node, upload, [0, 1, 2, 4]);
    await waitForCheckpoint(node, upload, 3);
    await until(() => dropped.length === 3);
    assert.deepEqual(dropped, [0, 1, 2]);
  });

  it('fails the commit with its final error, and works for the next one', async () => {
    const broken = new Error('the thread cannot start');
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'finish', when: 'before', call: 1, fail: broken }];
    await using node = await openLoneNode({ digestPlan });
    const upload = await createUpload(node, { partCount: 2 });
    await sendAllParts(node, upload);
    await assert.rejects(tryCommit(node, upload), (error) => error === broken);
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });

  it("times out at the end of the commit's time, and leaves no timer", async (t) => {
    const held = Promise.withResolvers<void>();
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'before', delay: held.promise }];
    await using node = await openLoneNode({ digestPlan });
    const upload = await createUpload(node, { partCount: 1 });
    await sendAllParts(node, upload);
    assert.equal(await tryCommit(node, upload, { timeout: 10 }), undefined);
    held.resolve();
    const cleared = t.mock.method(globalThis, 'clearTimeout');
    const set = t.mock.method(globalThis, 'setTimeout');
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
    const timers = set.mock.calls.filter(({ arguments: [, millis] }) => Number(millis) > 50_000);
    for (const { result } of timers) {
      assert.ok(cleared.mock.calls.some(({ arguments: [timer] }) => timer === result));
    }
    assert.ok(timers.length > 0);
  });

  it('keeps more uploads than its limit if their commits wait', async () => {
    const held = Promise.withResolvers<void>();
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'before', call: 1, delay: held.promise }];
    await using node = await openLoneNode({ digestPlan, maxSessions: 1 });
    const upload = await createUpload(node, { partCount: 3 });
    await sendAllParts(node, upload);
    const committing = commitUpload(node, upload);
    for (let n = 0; n < 3; n += 1) await sendPart(node, await createUpload(node, { partCount: 3 }), 1);
    held.resolve();
    await assertOnlyFile(node, upload, await committing);
    assert.deepEqual(node.errors, []);
  });
});

describe('rehashing a file from the store', { timeout: 120_000 }, () => {
  it('calculates the right digest for parts larger than a mebibyte, even if part of it is known', async () => {
    await using node = await openLoneNode();
    node.uploads.limits = { ...node.uploads.limits, partSize: 2 ** 22 };
    const upload = await createUpload(node, { partCount: 100 });
    assert.equal(upload.session.staged.layout.partCount, 2);
    await sendAllParts(node, upload);
    await waitForCheckpoint(node, upload, 2);
    node.spool.dropAllLocalParts();
    await node.uploads.db.updateTable('upload_sessions').set({ hashed_parts: -1, hash_state: null }).execute();
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });

  it('reads nothing if the digest has been saved in the meantime', async () => {
    await using node = await openLoneNode();
    const upload = await createUpload(node);
    await sendAllParts(node, upload);
    await waitForCheckpoint(node, upload, 3);
    let opened = 0;
    await rehash(node, upload, { read: async () => assert.fail(`it was read ${++opened} times`) });
    assert.equal((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts, 3);
  });

  it('reads nothing while another node does, and waits half a second before it looks again', async () => {
    await using node = await openLoneNode();
    const upload = await createUpload(node);
    await sendAllParts(node, upload);
    await waitForCheckpoint(node, upload, 3);
    await reset(node);
    const lease = { rehash_node: 'another' as NodeId, rehash_until: node.clock.now() + 10_000 };
    await node.uploads.db.updateTable('upload_sessions').set(lease).execute();
    const from = performance.now();
    const never = async () => assert.fail('the store was used');
    await rehash(node, upload, { complete: never, read: never });
    // A timer may be up to a millisecond early.
    assert.ok(performance.now() - from >= 499);
  });

  it('fails for a file that is shorter than its parts', async () => {
    await using node = await openLoneNode();
    const upload = await createUpload(node);
    await sendAllParts(node, upload);
    await waitForCheckpoint(node, upload, 3);
    await reset(node);
    const short = upload.bytes.subarray(0, 2 * PART_SIZE + 99);
    await assert.rejects(rehash(node, upload, { read: async () => Readable.from([Buffer.from(short)]) }), /2 of 3/);
    assert.equal((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts, -1);
  });

  it('saves its progress every two seconds, and stops if another node has gone further', async (t) => {
    await using node = await openLoneNode();
    const upload = await createUpload(node, { partCount: 14 });
    await sendAllParts(node, upload);
    await waitForCheckpoint(node, upload, 14);
    const pool = openResumableHashPool({ workers: 1 });
    t.after(() => pool.close());
    const first = await pool.extend(undefined, Buffer.from(partBytes(upload, 0)));
    await node.uploads.db.updateTable('upload_sessions').set({ hashed_parts: 1, hash_state: first }).execute();
    const saved: number[] = [];
    const { read, pulled } = readSlowly(upload, t, async (part) => {
      saved.push((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts ?? -9);
      // Another node has finished in the meantime.
      if (part === 4) await node.uploads.db.updateTable('upload_sessions').set({ hashed_parts: 14 }).execute();
    });
    await rehash(node, upload, { read });
    assert.equal(saved[0], 1);
    assert.ok(saved.includes(2), String(saved));
    assert.equal((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts, 14);
    // A few parts are read ahead.
    assert.ok(pulled.length <= 10, String(pulled));
  });

  it('replaces a checkpoint that was reset only at its end', async (t) => {
    await using node = await openLoneNode();
    const upload = await createUpload(node, { partCount: 4 });
    await sendAllParts(node, upload);
    await waitForCheckpoint(node, upload, 4);
    await reset(node);
    const saved = new Set<number>();
    const { read } = readSlowly(upload, t, async () => {
      saved.add((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts ?? -9);
    });
    await rehash(node, upload, { read });
    assert.deepEqual([...saved], [-1]);
    assert.equal((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts, 4);
  });
});

/** Reads a file as a commit at this node does. */
async function rehash(node: Node, { session }: Upload, change: Partial<BlobStore>): Promise<void> {
  const digests = openResumableHashPool({ workers: 1 });
  const { db, blobs } = node.uploads;
  const deps = { db, blobs: { ...blobs, ...change }, digests, node: node.id, now: () => node.clock.now() };
  try {
    await rehashFromStore(deps, session, await listParts(db, session.id));
  } finally {
    await digests.close();
  }
}

/** Returns the bytes part by part, with three seconds between parts by the clock of this process. */
function readSlowly({ session, bytes }: Upload, t: TestContext, before: (part: number) => Promise<void>) {
  let ahead = 0;
  const { now } = performance;
  t.mock.method(performance, 'now', () => now.call(performance) + ahead);
  const pulled: number[] = [];
  async function* parts(first: number): AsyncGenerator<Uint8Array> {
    for (let at = first; at < bytes.length; at += PART_SIZE) {
      const part = at / PART_SIZE;
      await before(part);
      pulled.push(part);
      ahead += 3_000;
      yield Buffer.from(bytes.subarray(at, at + PART_SIZE));
    }
  }
  assert.equal(session.staged.layout.partSize, PART_SIZE);
  const read: BlobStore['read'] = async (_blob, range) => Readable.from(parts(range?.first ?? 0));
  return { read, pulled };
}

function failSaves(db: Kysely<Tables>, isAway: () => boolean): Kysely<Tables> {
  return watchQueries(db, {
    before: (query) => {
      if (query === 'update upload_sessions' && isAway()) throw UNAVAILABLE;
    },
  });
}

async function setState({ uploads }: Node, state: HashState): Promise<void> {
  await uploads.db.updateTable('upload_sessions').set({ hash_state: state }).execute();
}

async function reset({ uploads }: Node): Promise<void> {
  await uploads.db.updateTable('upload_sessions').set({ hashed_parts: -1, hash_state: null }).execute();
}

async function endSessions({ uploads }: Node): Promise<void> {
  await uploads.db.updateTable('upload_sessions').set({ state: 'expired' }).execute();
}

async function listOwners({ uploads }: Node): Promise<string[]> {
  const rows = await uploads.db.selectFrom('parts').select('node').execute();
  return rows.map(({ node }) => node);
}

async function waitForCheckpoint({ uploads }: Node, { session }: Upload, parts: number): Promise<void> {
  await until(async () => (await findHashCheckpoint(uploads.db, session.id))?.parts === parts);
}
