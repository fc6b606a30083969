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

describe('the digest of an upload at several nodes', { skip: noPostgres }, () => {
  it('is handed from node to node as the parts come in, and is whole before the commit asks', async () => {
    await using nodes = await openNodes();
    const all = [await nodes.start(), await nodes.start(), await nodes.start()];
    const upload = await createUpload(pick(all, 0), { partCount: 12 });
    // The first half at one call after the other; the second where each node finds the mark at its part.
    for (const index of [5, 4, 3, 2, 1, 0]) await sendPart(pick(all, index), upload, index);
    for (const index of [6, 7, 8, 9, 10, 11]) {
      // Recorded while the mark is moved, a part may be missed by either until a commit asks (decision 62).
      await reaches(pick(all, 0), upload, index);
      await sendPart(pick(all, index), upload, index);
    }
    await reaches(pick(all, 0), upload, 12);
    await assertOnlyFile(pick(all, 1), upload, await commitUpload(pick(all, 1), upload));
    assertNoTrouble(all);
  });

  it('is whole though the parts come in any order, at any node, several at a time', async () => {
    await using nodes = await openNodes();
    const all = [await nodes.start(), await nodes.start(), await nodes.start()];
    const upload = await createUpload(pick(all, 0), { partCount: 40 });
    await putAnywhere(all, upload, 20_261_125);
    await assertOnlyFile(pick(all, 2), upload, await commitUpload(pick(all, 2), upload));
    assertNoTrouble(all);
  });

  it('is whole though each node remembers one upload only', async () => {
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

  it('goes on at another node where the first is restarted in the middle', async () => {
    await using nodes = await openNodes();
    const first = await nodes.start();
    const other = await nodes.start();
    const upload = await createUpload(first, { partCount: 8 });
    await sendAllParts(first, upload, [0, 1, 2]);
    await reaches(first, upload, 3);
    const again = await first.restart();
    await sendPart(other, upload, 3);
    await sendAllParts(again, upload, [4, 5]);
    await sendAllParts(other, upload, [6, 7]);
    await reaches(other, upload, 8);
    await assertOnlyFile(again, upload, await commitUpload(again, upload));
  });

  it('is made by one node where the other has died with bytes that were not in it: from the sealed file, from there on', async () => {
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
    await reaches(dying, upload, 2);
    await sendAllParts(dying, upload, [2, 3]);
    await sendAllParts(other, upload, [4, 5]);
    await dying.kill();
    held.resolve();
    const file = await commitUpload(other, upload);
    assert.deepEqual(opened, [{ first: 2 * PART_SIZE, last: upload.bytes.length - 1 }]);
    await assertOnlyFile(other, upload, file);
  });

  it('is made from the sealed file where the spools gave the bytes up, and not a byte more is read than has to be', async () => {
    const opened: unknown[] = [];
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', hook: (_, range) => opened.push(range) }];
    await using nodes = await openNodes();
    const all = [await nodes.start({ plan }), await nodes.start({ plan })];
    const upload = await createUpload(pick(all, 0), { partCount: 5 });
    await sendPart(pick(all, 0), upload, 0);
    await reaches(pick(all, 0), upload, 1);
    for (const index of [4, 3, 2]) await sendPart(pick(all, index), upload, index);
    for (const { spool } of all) spool.dropAllLocalParts();
    await sendPart(pick(all, 1), upload, 1);
    await reaches(pick(all, 0), upload, 2);
    const file = await commitUpload(pick(all, 1), upload);
    assert.deepEqual(opened, [{ first: 2 * PART_SIZE, last: upload.bytes.length - 1 }]);
    await assertOnlyFile(pick(all, 1), upload, file);
  });

  it('goes on with the next part where a call was lost', async () => {
    await using nodes = await openNodes();
    const [first, deaf] = [await nodes.start(), await nodes.start()];
    deaf.dropsMessages = true;
    const upload = await createUpload(first, { partCount: 5 });
    await sendPart(deaf, upload, 1);
    await sendPart(first, upload, 0);
    await reaches(first, upload, 1);
    await sendPart(deaf, upload, 2);
    await reaches(first, upload, 3);
    await sendAllParts(first, upload, [3, 4]);
    await assertOnlyFile(first, upload, await commitUpload(first, upload));
    assert.deepEqual([...first.errors, ...deaf.errors], []);
  });

  it('is asked for again by the commit where the last call was lost', async () => {
    let opened = 0;
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', hook: () => opened++ }];
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start({ plan }), await nodes.start({ plan })];
    other.dropsMessages = true;
    const upload = await createUpload(first, { partCount: 3 });
    await sendAllParts(other, upload, [1, 2]);
    await sendPart(first, upload, 0);
    await reaches(first, upload, 1);
    other.dropsMessages = false;
    const file = await commitUpload(first, upload);
    assert.equal(opened, 0);
    await assertOnlyFile(first, upload, file);
  });

  it('goes on where the line of the calls was down for a while', async () => {
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(first, { partCount: 3 });
    other.dropsMessages = true;
    await sendAllParts(other, upload, [1, 2]);
    await sendPart(first, upload, 0);
    await reaches(first, upload, 1);
    other.dropsMessages = false;
    await nodes.cutMessageConnections();
    await reaches(first, upload, 3);
    await assertOnlyFile(first, upload, await commitUpload(first, upload));
  });

  it('goes on where a call overtakes the answer of the database to what this node did before', async () => {
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
    await reaches(other, upload, 3);
    assert.equal(first.messageCount, 1);
    assertNoTrouble([first, other]);
  });

  it('is right where another node has moved the mark while this one was reading', async () => {
    const late = Promise.withResolvers<void>();
    const digestPlan: Fault<ResumableHashPool>[] = [{ method: 'extend', when: 'after', call: 2, delay: late.promise }];
    await using nodes = await openNodes();
    const [slow, other] = [await nodes.start({ digestPlan }), await nodes.start()];
    const upload = await createUpload(slow, { partCount: 4 });
    await sendPart(slow, upload, 0);
    await reaches(slow, upload, 1);
    await sendAllParts(slow, upload, [1, 2]);
    await sendPart(other, upload, 3);
    slow.dropsMessages = true;
    assert.equal(await tryCommit(other, upload, { sha1: sha1(Buffer.of()) }).catch(codeOf), 'digest-mismatch');
    await reaches(other, upload, 4);
    late.resolve();
    const file = await commitUpload(slow, upload);
    await assertOnlyFile(slow, upload, file);
    assert.deepEqual(slow.errors, []);
  });

  it('is begun anew where its saved state cannot be gone on from, as after a change of version', async () => {
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(first, { partCount: 4 });
    await sendPart(first, upload, 0);
    await reaches(first, upload, 1);
    const state = 'QUJDRA==' as HashState;
    await first.uploads.db.updateTable('upload_sessions').set({ hash_state: state }).execute();
    await sendAllParts(other, upload, [1, 2, 3]);
    await assertOnlyFile(first, upload, await commitUpload(first, upload));
    assert.equal(other.errors.length, 1);
  });
});

describe('a commit that has to read the sealed file back', { skip: noPostgres }, () => {
  it('with a wrong digest leaves the session open, and the right one commits it, at any node', async () => {
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(first, { partCount: 4 });
    await putWithoutDigest(first, upload);
    const wrong = tryCommit(first, upload, { sha1: sha1(Buffer.of(1)) });
    await assert.rejects(wrong, { code: 'digest-mismatch' });
    assert.equal((await findSession(first.uploads.db, upload.session.id))?.state, 'open');
    assert.deepEqual(await listVersions(first), []);
    await assertOnlyFile(other, upload, await commitUpload(other, upload));
  });

  it('is "later" where that takes too long, and goes on meanwhile: one reads, whoever asks again', async () => {
    let opened = 0;
    const gate = Promise.withResolvers<void>();
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', delay: gate.promise, hook: () => opened++ }];
    await using nodes = await openNodes();
    const [first, other] = [await nodes.start({ plan }), await nodes.start({ plan })];
    const upload = await createUpload(first, { partCount: 4 });
    await putWithoutDigest(first, upload);
    assert.equal(await tryCommit(first, upload, { timeout: 50 }), undefined);
    const asked = [commitUpload(first, upload), commitUpload(other, upload), commitUpload(first, upload)];
    gate.resolve();
    const [file, ...same] = await Promise.all(asked);
    assert.ok(file);
    for (const one of same) assert.equal(one.versionId, file.versionId);
    // The last one reads the file that was published.
    assert.equal(opened, 1);
    await assertOnlyFile(first, upload, file);
  });

  it('goes on where another node died in the middle of reading, whatever its clock said', async () => {
    await using nodes = await openNodes();
    const never = Promise.withResolvers<void>();
    const dying = await nodes.start({
      digestPlan: [{ method: 'extend', when: 'before', call: 2, delay: never.promise }],
    });
    const upload = await createUpload(dying, { partCount: 4 });
    await putWithoutDigest(dying, upload);
    dying.clock.advance(50_000);
    assert.equal(await tryCommit(dying, upload, { timeout: 50 }), undefined);
    await until(() => isRead(dying));
    await dying.kill();
    const other = await nodes.start();
    other.clock.advance(-50_000);
    // As long as nobody knows that it is dead, its reading is left to it.
    await other.uploads.db
      .updateTable('upload_sessions')
      .set((row) => ({ rehash_until: row('rehash_until', '-', 40_000) }))
      .execute();
    await assertOnlyFile(other, upload, await commitUpload(other, upload));
    never.resolve();
  });

  it('fails where the store fails, loses nothing, and the next commit makes the file', async () => {
    const plan: Fault<BlobStore>[] = [
      { method: 'complete', when: 'before', call: 1, fail: new Error('the store is away') },
      { method: 'read', when: 'before', call: 1, fail: new Error('the store is away again') },
    ];
    await using nodes = await openNodes();
    const node = await nodes.start({ plan });
    const upload = await createUpload(node, { partCount: 4 });
    await putWithoutDigest(node, upload);
    await assert.rejects(tryCommit(node, upload), /the store is away$/);
    await assert.rejects(tryCommit(node, upload), /the store is away again/);
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });
});

function pick(all: readonly Node[], index: number): Node {
  return all[index % all.length] ?? assert.fail();
}

/** Every part, in a random order, each at a random node, four at a time. */
async function putAnywhere(all: readonly Node[], upload: Upload, seed: number): Promise<void> {
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

/** Stores all parts so that no node can put any of them into the digest: the bytes go as soon as they are stored. */
async function putWithoutDigest(node: Node, upload: Upload): Promise<void> {
  for (const index of partsIn(upload).toReversed()) {
    if (index === 0) node.spool.dropAllLocalParts();
    await sendPart(node, upload, index);
  }
  await reaches(node, upload, 1);
}

async function isRead({ uploads: { db } }: Node): Promise<boolean> {
  const row = await db.selectFrom('upload_sessions').select('rehash_node').executeTakeFirst();
  return typeof row?.rehash_node === 'string';
}

async function reaches(node: Node, { session }: Upload, slots: number): Promise<void> {
  await until(async () => (await findHashCheckpoint(node.uploads.db, session.id))?.parts === slots);
}

function assertNoTrouble(all: readonly Node[]): void {
  for (const { errors: troubles } of all) assert.deepEqual(troubles, []);
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
