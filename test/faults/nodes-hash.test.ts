import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { HashState, ResumableHashPool } from '../../packages/server/src/hash-workers/resumable-pool.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { findHashCheckpoint } from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import { stopPostgres } from '../database/postgres-database.ts';
import { noPostgres } from '../engines/postgres.ts';
import { until } from '../support/until.ts';
import { type Node, openNodes } from '../uploads/nodes.ts';
import { PART_SIZE } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  listVersions,
  partsIn,
  sendAllParts,
  sendPart,
  sha1,
  tryCommit,
  type Upload,
} from '../uploads/upload-steps.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import type { Fault } from './faulty.ts';
import { seededRandom } from './seeded-random.ts';

after(stopPostgres);

describe('the whole-file hash on several nodes', { skip: noPostgres }, () => {
  it('is passed from node to node as parts arrive, and is complete before the commit', async () => {
    await using nodes = await openNodes();
    const all = [await nodes.start(), await nodes.start(), await nodes.start()];
    const upload = await createUpload(pick(all, 0), { partCount: 12 });
    // The first half in consecutive calls; the second so that each node finds the checkpoint at its part.
    for (const index of [5, 4, 3, 2, 1, 0]) await sendPart(pick(all, index), upload, index);
    for (const index of [6, 7, 8, 9, 10, 11]) {
      // A part recorded while the checkpoint is saved can be missed by both nodes until the commit (decision 62).
      await waitForCheckpoint(pick(all, 0), upload, index);
      await sendPart(pick(all, index), upload, index);
    }
    await waitForCheckpoint(pick(all, 0), upload, 12);
    await assertOnlyFile(pick(all, 1), upload, await commitUpload(pick(all, 1), upload));
    assertNoErrors(all);
  });

  it('is complete if parts arrive in any order, at any node, several at a time', async () => {
    await using nodes = await openNodes();
    const all = [await nodes.start(), await nodes.start(), await nodes.start()];
    const upload = await createUpload(pick(all, 0), { partCount: 40 });
    await sendAnywhere(all, upload, 20_261_125);
    await assertOnlyFile(pick(all, 2), upload, await commitUpload(pick(all, 2), upload));
    assertNoErrors(all);
  });

  it('is complete although each node keeps the state of only one upload', async () => {
    await using nodes = await openNodes();
    const all = [await nodes.start({ maxSessions: 1 }), await nodes.start({ maxSessions: 1 })];
    const uploads = [];
    for (let n = 0; n < 3; n++) uploads.push(await createUpload(pick(all, 0), { partCount: 6 }));
    for (let index = 0; index < 6; index++)
      for (const upload of uploads) await sendPart(pick(all, index), upload, index);
    for (const upload of uploads) await commitUpload(pick(all, 1), upload);
    const files = (await listVersions(pick(all, 0))).map(({ bytes }) => bytes);
    for (const { bytes } of uploads) assert.ok(files.some((file) => file.equals(bytes)));
  });

  it('continues on another node if the first is restarted', async () => {
    await using nodes = await openNodes();
    const first = await nodes.start();
    const other = await nodes.start();
    const upload = await createUpload(first, { partCount: 8 });
    await sendAllParts(first, upload, [0, 1, 2]);
    await waitForCheckpoint(first, upload, 3);
    const again = await first.restart();
    await sendPart(other, upload, 3);
    await sendAllParts(again, upload, [4, 5]);
    await sendAllParts(other, upload, [6, 7]);
    await waitForCheckpoint(other, upload, 8);
    await assertOnlyFile(again, upload, await commitUpload(again, upload));
  });

  it('is finished by another node from the stored file if a node died with unhashed bytes', async () => {
    const opened: unknown[] = [];
    const held = Promise.withResolvers<void>();
    await using nodes = await openNodes();
    const dying = await nodes.start({
      digestPlan: [{ method: 'extend', when: 'before', call: 3, delay: held.promise }],
    });
    const other = await nodes.start({
      plan: [{ method: 'read', when: 'before', hook: (_, range) => opened.push(range) }],
    });
    const upload = await createUpload(dying, { partCount: 6 });
    await sendPart(dying, upload, 0);
    await sendPart(dying, upload, 1);
    await waitForCheckpoint(dying, upload, 2);
    await sendAllParts(dying, upload, [2, 3]);
    await sendAllParts(other, upload, [4, 5]);
    await dying.kill();
    held.resolve();
    const file = await commitUpload(other, upload);
    assert.deepEqual(opened, [{ first: 2 * PART_SIZE, last: upload.bytes.length - 1 }]);
    await assertOnlyFile(other, upload, file);
  });

  it('is calculated from the stored file if the spools have dropped the bytes, without reading more than necessary', async () => {
    const opened: unknown[] = [];
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', hook: (_, range) => opened.push(range) }];
    await using nodes = await openNodes();
    const all = [await nodes.start({ plan }), await nodes.start({ plan })];
    const upload = await createUpload(pick(all, 0), { partCount: 5 });
    await sendPart(pick(all, 0), upload, 0);
    await waitForCheckpoint(pick(all, 0), upload, 1);
    for (const index of [4, 3, 2]) await sendPart(pick(all, index), upload, index);
    for (const { spool } of all) spool.dropAllLocalParts();
    await sendPart(pick(all, 1), upload, 1);
    await waitForCheckpoint(pick(all, 0), upload, 2);
    const file = await commitUpload(pick(all, 1), upload);
    assert.deepEqual(opened, [{ first: 2 * PART_SIZE, last: upload.bytes.length - 1 }]);
    await assertOnlyFile(pick(all, 1), upload, file);
  });

  it('continues with the next part if a message was lost', async () => {
    await using nodes = await openNodes();
    const [first, deaf] = [await nodes.start(), await nodes.start()];
    deaf.dropsMessages = true;
    const upload = await createUpload(first, { partCount: 5 });
    await sendPart(deaf, upload, 1);
    await sendPart(first, upload, 0);
    await waitForCheckpoint(first, upload, 1);
    await sendPart(deaf, upload, 2);
    await waitForCheckpoint(first, upload, 3);
    await sendAllParts(first, upload, [3, 4]);
    await assertOnlyFile(first, upload, await commitUpload(first, upload));
    assert.deepEqual([...first.errors, ...deaf.errors], []);
  });

  it('is requested by the commit if the last message was lost', async () => {
    let opened = 0;
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', hook: () => opened++ }];
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start({ plan }), await nodes.start({ plan })];
    other.dropsMessages = true;
    const upload = await createUpload(first, { partCount: 3 });
    await sendAllParts(other, upload, [1, 2]);
    await sendPart(first, upload, 0);
    await waitForCheckpoint(first, upload, 1);
    await until(() => other.lostMessageCount > 0);
    other.dropsMessages = false;
    const file = await commitUpload(first, upload);
    assert.equal(opened, 0);
    await assertOnlyFile(first, upload, file);
  });

  it('continues after the message connections were interrupted', async () => {
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(first, { partCount: 3 });
    other.dropsMessages = true;
    await sendAllParts(other, upload, [1, 2]);
    await sendPart(first, upload, 0);
    await waitForCheckpoint(first, upload, 1);
    await until(() => other.lostMessageCount > 0);
    other.dropsMessages = false;
    await nodes.cutMessageConnections();
    await waitForCheckpoint(first, upload, 3);
    await assertOnlyFile(first, upload, await commitUpload(first, upload));
  });

  it("continues if a message arrives before the database's response to this node's earlier statement", async () => {
    let moves = 0;
    await using nodes = await openNodes();
    const first = await nodes.start({
      watch: (db) =>
        watchQueries(db, {
          after: async (query) => {
            if (query === 'update upload_sessions' && moves++ === 0) await until(() => first.messageCount === 1);
          },
        }),
    });
    const other = await nodes.start();
    const upload = await createUpload(other, { partCount: 3 });
    await sendPart(other, upload, 1);
    await sendPart(first, upload, 2);
    await sendPart(first, upload, 0);
    await waitForCheckpoint(other, upload, 3);
    assert.equal(first.messageCount, 1);
    assertNoErrors([first, other]);
  });

  it('is right if another node has saved a checkpoint while this one was reading', async () => {
    const late = Promise.withResolvers<void>();
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'after', call: 2, delay: late.promise }];
    await using nodes = await openNodes();
    const [slow, other] = [await nodes.start({ digestPlan }), await nodes.start()];
    const upload = await createUpload(slow, { partCount: 4 });
    await sendPart(slow, upload, 0);
    await waitForCheckpoint(slow, upload, 1);
    await sendAllParts(slow, upload, [1, 2]);
    await sendPart(other, upload, 3);
    slow.dropsMessages = true;
    assert.equal(await tryCommit(other, upload, { sha1: sha1(Buffer.of()) }).catch(getCode), 'digest-mismatch');
    await waitForCheckpoint(other, upload, 4);
    late.resolve();
    const file = await commitUpload(slow, upload);
    await assertOnlyFile(slow, upload, file);
    assert.deepEqual(slow.errors, []);
  });

  it('starts again if its saved state cannot be used, as after an upgrade', async () => {
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(first, { partCount: 4 });
    await sendPart(first, upload, 0);
    await waitForCheckpoint(first, upload, 1);
    const state = 'QUJDRA==' as HashState;
    await first.uploads.db.updateTable('upload_sessions').set({ hash_state: state }).execute();
    await sendAllParts(other, upload, [1, 2, 3]);
    await assertOnlyFile(first, upload, await commitUpload(first, upload));
    assert.equal(other.errors.length, 1);
  });
});

describe('a commit that has to read the stored file', { skip: noPostgres }, () => {
  it('with a wrong digest leaves the session open, and the correct digest commits it on any node', async () => {
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(first, { partCount: 4 });
    await sendWithoutHashing(first, upload);
    const wrong = tryCommit(first, upload, { sha1: sha1(Buffer.of(1)) });
    await assert.rejects(wrong, { code: 'digest-mismatch' });
    assert.equal((await findSession(first.uploads.db, upload.session.id))?.state, 'open');
    assert.deepEqual(await listVersions(first), []);
    await assertOnlyFile(other, upload, await commitUpload(other, upload));
  });

  it('that exceeds its time is retried while one node continues to read', async () => {
    let opened = 0;
    const gate = Promise.withResolvers<void>();
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', delay: gate.promise, hook: () => opened++ }];
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start({ plan }), await nodes.start({ plan })];
    const upload = await createUpload(first, { partCount: 4 });
    await sendWithoutHashing(first, upload);
    assert.equal(await tryCommit(first, upload, { timeout: 50 }), undefined);
    const asked = [commitUpload(first, upload), commitUpload(other, upload), commitUpload(first, upload)];
    gate.resolve();
    const [file, ...same] = await Promise.all(asked);
    assert.ok(file);
    for (const one of same) assert.equal(one.versionId, file.versionId);
    // The last one reads the published file.
    assert.equal(opened, 1);
    await assertOnlyFile(first, upload, file);
  });

  it('continues if another node died while reading, whatever its clock said', async () => {
    await using nodes = await openNodes();
    const never = Promise.withResolvers<void>();
    const dying = await nodes.start({
      digestPlan: [{ method: 'extend', when: 'before', call: 2, delay: never.promise }],
    });
    const upload = await createUpload(dying, { partCount: 4 });
    await sendWithoutHashing(dying, upload);
    dying.clock.advance(50_000);
    assert.equal(await tryCommit(dying, upload, { timeout: 50 }), undefined);
    await until(() => isBeingRead(dying));
    await dying.kill();
    const other = await nodes.start();
    other.clock.advance(-50_000);
    // Until its lease expires, the dead node is assumed to be reading.
    await other.uploads.db
      .updateTable('upload_sessions')
      .set((row) => ({ rehash_until: row('rehash_until', '-', 40_000) }))
      .execute();
    await assertOnlyFile(other, upload, await commitUpload(other, upload));
    never.resolve();
  });

  it('fails if the store fails, loses nothing, and the next commit creates the file', async () => {
    const plan: Fault<BlobStore>[] = [
      { method: 'complete', when: 'before', call: 1, fail: new Error('the store is away') },
      { method: 'read', when: 'before', call: 1, fail: new Error('the store is away again') },
    ];
    await using nodes = await openNodes();
    const node = await nodes.start({ plan });
    const upload = await createUpload(node, { partCount: 4 });
    await sendWithoutHashing(node, upload);
    await assert.rejects(tryCommit(node, upload), /the store is away$/);
    await assert.rejects(tryCommit(node, upload), /the store is away again/);
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });
});

function pick(all: readonly Node[], index: number): Node {
  return all[index % all.length] ?? assert.fail();
}

/** Sends every part in random order, each to a random node, four at a time. */
async function sendAnywhere(all: readonly Node[], upload: Upload, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const left = partsIn(upload);
  const worker = async () => {
    while (left.length > 0) {
      const [index] = left.splice(random.below(left.length), 1);
      await sendPart(random.pick(all), upload, index ?? assert.fail());
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

/** Stores all parts so that no node can hash any of them: the local bytes are dropped immediately. */
async function sendWithoutHashing(node: Node, upload: Upload): Promise<void> {
  for (const index of partsIn(upload).toReversed()) {
    if (index === 0) node.spool.dropAllLocalParts();
    await sendPart(node, upload, index);
  }
  await waitForCheckpoint(node, upload, 1);
}

async function isBeingRead({ uploads: { db } }: Node): Promise<boolean> {
  const row = await db.selectFrom('upload_sessions').select('rehash_node').executeTakeFirst();
  return typeof row?.rehash_node === 'string';
}

async function waitForCheckpoint(node: Node, { session }: Upload, slots: number): Promise<void> {
  await until(async () => (await findHashCheckpoint(node.uploads.db, session.id))?.parts === slots);
}

function assertNoErrors(all: readonly Node[]): void {
  for (const { errors: troubles } of all) assert.deepEqual(troubles, []);
}

function getCode(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
