import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import type { Kysely } from 'kysely';
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
  bytesOf,
  commitUpload,
  createUpload,
  sendAllParts,
  sendPart,
  tryCommit,
  type Upload,
} from './upload-steps.ts';
import { watchQueries } from './watch-queries.ts';

const AWAY = new Error('the database is away');

describe('the digest of an upload at a node', { timeout: 120_000 }, () => {
  it('goes on at the commit with what the node has, though it has forgotten that it has it', async () => {
    const opened: unknown[] = [];
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', hook: (_, range) => opened.push(range) }];
    let isAway = true;
    await using node = await openLoneNode({ plan, watch: (db) => failingSaves(db, () => isAway) });
    const upload = await createUpload(node, { slots: 4 });
    await sendAllParts(node, upload, [0, 1, 2]);
    await until(() => node.errors.length > 0);
    await sendPart(node, upload, 3);
    isAway = false;
    node.uploads.hasher.forget(upload.session.id);
    const file = await commitUpload(node, upload);
    assert.deepEqual(opened, []);
    await assertOnlyFile(node, upload, file);
    assert.ok(node.errors.every((error) => error === AWAY));
  });

  it('takes up another mark that came while it was reading, also one at the same part', async () => {
    const upload: { it?: Upload } = {};
    const pool = openResumableHashPool({ workers: 1 });
    const otherState = await pool.extend(undefined, Buffer.alloc(PART_SIZE, 7));
    await pool.close();
    const digestPlan: Fault<ResumableHashPool>[] = [
      { method: 'extend', when: 'after', call: 2, hook: () => setState(node, otherState) },
    ];
    await using node = await openLoneNode({ digestPlan });
    upload.it = await createUpload(node, { slots: 4 });
    await sendPart(node, upload.it, 0);
    await reaches(node, upload.it, 1);
    await sendPart(node, upload.it, 1);
    await reaches(node, upload.it, 2);
    const mark = await findHashCheckpoint(node.uploads.db, upload.it.session.id);
    const same = openResumableHashPool({ workers: 1 });
    assert.equal(mark?.state, await same.extend(otherState, Buffer.from(bytesOf(upload.it, 1))));
    await same.close();
  });

  it('forgets a session that has ended while it was reading, and tells of no trouble', async () => {
    const digestPlan: Fault<ResumableHashPool>[] = [
      { method: 'extend', when: 'after', call: 1, hook: () => endSessions(node) },
    ];
    await using node = await openLoneNode({ digestPlan });
    const upload = await createUpload(node, { slots: 3 });
    let asked = 0;
    node.uploads.db = watchQueries(node.uploads.db, { before: () => asked++ });
    await sendPart(node, upload, 0);
    await until(async () => (await findHashCheckpoint(node.uploads.db, upload.session.id)) === undefined);
    assert.deepEqual(node.errors, []);
    assert.ok(asked > 0);
  });

  it('is told as an error where bytes cannot be read, whose part is read at the commit from the file then', async () => {
    const broken = new Error('the bytes are damaged');
    const opened: unknown[] = [];
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', hook: (_, range) => opened.push(range) }];
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'before', call: 2, fail: broken }];
    await using node = await openLoneNode({ plan, digestPlan });
    const upload = await createUpload(node, { slots: 3 });
    await sendAllParts(node, upload);
    await until(() => node.errors.length > 0);
    await until(async () => (await owners(node)).includes(''));
    assert.deepEqual(node.errors, [broken]);
    const file = await commitUpload(node, upload);
    assert.deepEqual(opened, [{ first: PART_SIZE, last: upload.bytes.length - 1 }]);
    await assertOnlyFile(node, upload, file);
  });

  it('is made by another thread where the one that made it was lost', async () => {
    const lost = new DigestWorkerLostError('the thread ended');
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'before', call: 2, fail: lost }];
    await using node = await openLoneNode({ digestPlan });
    const upload = await createUpload(node, { slots: 3 });
    await sendAllParts(node, upload);
    await reaches(node, upload, 3);
    assert.deepEqual(node.errors, []);
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });

  it('lets go of the bytes of each part that it has taken in, and of no other', async () => {
    const dropped: number[] = [];
    const plan: Fault<BlobStore>[] = [
      { method: 'dropLocalPart', when: 'before', hook: (_, range) => dropped.push((range as { index: number }).index) },
    ];
    await using node = await openLoneNode({ plan });
    const upload = await createUpload(node, { slots: 6 });
    await sendAllParts(node, upload, [0, 1, 2, 4]);
    await reaches(node, upload, 3);
    await until(() => dropped.length === 3);
    assert.deepEqual(dropped, [0, 1, 2]);
  });

  it('fails the commit with what fails it at its end, and is there for the next one', async () => {
    const broken = new Error('the thread cannot start');
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'finish', when: 'before', call: 1, fail: broken }];
    await using node = await openLoneNode({ digestPlan });
    const upload = await createUpload(node, { slots: 2 });
    await sendAllParts(node, upload);
    await assert.rejects(tryCommit(node, upload), (error) => error === broken);
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });

  it('is "later" at the end of the time of a commit, whose timer does not stay', async (t) => {
    const held = Promise.withResolvers<void>();
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'before', delay: held.promise }];
    await using node = await openLoneNode({ digestPlan });
    const upload = await createUpload(node, { slots: 1 });
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

  it('of more uploads than it remembers is kept for those whose commit waits', async () => {
    const held = Promise.withResolvers<void>();
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'before', call: 1, delay: held.promise }];
    await using node = await openLoneNode({ digestPlan, maxSessions: 1 });
    const upload = await createUpload(node, { slots: 3 });
    await sendAllParts(node, upload);
    const committing = commitUpload(node, upload);
    for (let n = 0; n < 3; n += 1) await sendPart(node, await createUpload(node, { slots: 3 }), 1);
    held.resolve();
    await assertOnlyFile(node, upload, await committing);
    assert.deepEqual(node.errors, []);
  });
});

describe('a file that is read back for its digest', { timeout: 120_000 }, () => {
  it('of parts larger than a mebibyte has the right digest, also if a part of it is known', async () => {
    await using node = await openLoneNode();
    node.uploads.limits = { ...node.uploads.limits, partSize: 2 ** 22 };
    const upload = await createUpload(node, { slots: 100 });
    assert.equal(upload.session.staged.layout.partCount, 2);
    await sendAllParts(node, upload);
    await reaches(node, upload, 2);
    node.spool.giveUp();
    await node.uploads.db.updateTable('upload_sessions').set({ hashed_parts: -1, hash_state: null }).execute();
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });

  it('is not read where its digest has been made meanwhile', async () => {
    await using node = await openLoneNode();
    const upload = await createUpload(node);
    await sendAllParts(node, upload);
    await reaches(node, upload, 3);
    let opened = 0;
    await rehash(node, upload, { read: async () => assert.fail(`it was read ${++opened} times`) });
    assert.equal((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts, 3);
  });

  it('that is shorter than its parts is damaged, and has no digest', async () => {
    await using node = await openLoneNode();
    const upload = await createUpload(node);
    await sendAllParts(node, upload);
    await reaches(node, upload, 3);
    await reset(node);
    const short = upload.bytes.subarray(0, 2 * PART_SIZE + 99);
    await assert.rejects(rehash(node, upload, { read: async () => Readable.from([Buffer.from(short)]) }), /2 of 3/);
    assert.equal((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts, -1);
  });

  it('saves every two seconds how far it has come, and stops where another has gone on', async (t) => {
    await using node = await openLoneNode();
    const upload = await createUpload(node, { slots: 14 });
    await sendAllParts(node, upload);
    await reaches(node, upload, 14);
    const pool = openResumableHashPool({ workers: 1 });
    t.after(() => pool.close());
    const first = await pool.extend(undefined, Buffer.from(bytesOf(upload, 0)));
    await node.uploads.db.updateTable('upload_sessions').set({ hashed_parts: 1, hash_state: first }).execute();
    const saved: number[] = [];
    const { read, pulled } = slowly(upload, t, async (part) => {
      saved.push((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts ?? -9);
      // Somebody else has come to the end meanwhile.
      if (part === 4) await node.uploads.db.updateTable('upload_sessions').set({ hashed_parts: 14 }).execute();
    });
    await rehash(node, upload, { read });
    assert.equal(saved[0], 1);
    assert.ok(saved.includes(2), String(saved));
    assert.equal((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts, 14);
    // A few parts are read ahead.
    assert.ok(pulled.length <= 10, String(pulled));
  });

  it('moves a mark that was taken back at its end only', async (t) => {
    await using node = await openLoneNode();
    const upload = await createUpload(node, { slots: 4 });
    await sendAllParts(node, upload);
    await reaches(node, upload, 4);
    await reset(node);
    const saved = new Set<number>();
    const { read } = slowly(upload, t, async () => {
      saved.add((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts ?? -9);
    });
    await rehash(node, upload, { read });
    assert.deepEqual([...saved], [-1]);
    assert.equal((await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts, 4);
  });
});

/** Reads a file back as a commit at this node does. */
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

/** Gives the bytes part by part, three seconds after each other by the clock of this process. */
function slowly({ session, bytes }: Upload, t: TestContext, before: (part: number) => Promise<void>) {
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

function failingSaves(db: Kysely<Tables>, isAway: () => boolean): Kysely<Tables> {
  return watchQueries(db, {
    before: (query) => {
      if (query === 'update upload_sessions' && isAway()) throw AWAY;
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

async function owners({ uploads }: Node): Promise<string[]> {
  const rows = await uploads.db.selectFrom('parts').select('node').execute();
  return rows.map(({ node }) => node);
}

async function reaches({ uploads }: Node, { session }: Upload, parts: number): Promise<void> {
  await until(async () => (await findHashCheckpoint(uploads.db, session.id))?.parts === parts);
}
