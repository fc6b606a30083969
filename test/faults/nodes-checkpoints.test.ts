import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { HashState, ResumableHashPool } from '../../packages/server/src/hash-workers/resumable-pool.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { findHashCheckpoint } from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { stopPostgres } from '../database/postgres-database.ts';
import { noPostgres } from '../engines/postgres.ts';
import { until } from '../support/until.ts';
import { type Node, openNodes } from '../uploads/nodes.ts';
import { PART_SIZE } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  sendAllParts,
  sendPart,
  tryCommit,
  type Upload,
} from '../uploads/upload-steps.ts';
import type { Fault } from './faulty.ts';

after(stopPostgres);

/** Of another build: nothing can be made of it here. */
const STRANGE = 'QUJDRA==' as HashState;

describe('a digest whose saved state is of another build', { skip: noPostgres }, () => {
  it('is made anew where the bytes after it are at no node any more, as after an upgrade', async () => {
    await using nodes = await openNodes();
    const old = await nodes.start();
    const upload = await createUpload(old, { partCount: 4 });
    await sendAllParts(old, upload, [3, 2, 1]);
    old.spool.dropAllLocalParts();
    await sendPart(old, upload, 0);
    await reaches(old, upload, 1);
    await putState(old, STRANGE);
    const node = await old.restart();
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });

  it('is made anew where it had come to the end', async () => {
    await using nodes = await openNodes();
    const node = await nodes.start();
    const upload = await createUpload(node, { partCount: 4 });
    await sendAllParts(node, upload);
    await reaches(node, upload, 4);
    await putState(node, STRANGE);
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });
});

describe('a digest that was taken back since the store lost a part', { skip: noPostgres }, () => {
  it('holds nothing of what another node still has of that part', async () => {
    const digestPlan: Fault<ResumableHashPool>[] = [];
    await using nodes = await openNodes();
    const [deaf, node] = [await nodes.start(), await nodes.start({ digestPlan })];
    deaf.dropsMessages = true;
    const upload = await createUpload(deaf, { partCount: 4 });
    await sendPart(deaf, upload, 2);
    await sendAllParts(node, upload, [3, 1, 0]);
    const { staged } = upload.session;
    const raw = await openDiskStore(node.folder);
    const slot = { index: 2, offset: 2 * PART_SIZE, length: PART_SIZE };
    await raw.writePart(staged, slot, oneChunk(Buffer.alloc(PART_SIZE, 1)));
    await assert.rejects(tryCommit(node, upload), { code: 'parts-mismatch' });

    const changed = Buffer.alloc(PART_SIZE, 2);
    await sendPart(node, upload, 2, { bytes: changed });
    // A reading that takes so long that its progress is saved where the lost part begins, and then breaks off.
    let read = 0;
    digestPlan.push({ method: 'extend', when: 'before', hook: () => readSlowly(++read) });
    await assert.rejects(tryCommit(node, upload), /broken off/);
    const bytes = Buffer.from(upload.bytes);
    changed.copy(bytes, slot.offset);
    const whole = { ...upload, bytes };
    await assertOnlyFile(deaf, whole, await commitUpload(deaf, whole));
  });
});

/** The second piece takes longer than a reading waits before it saves its progress; the third fails. */
async function readSlowly(piece: number): Promise<void> {
  if (piece === 2) await new Promise((resolve) => setTimeout(resolve, 2_100));
  if (piece === 3) throw new Error('the reading is broken off');
}

async function putState({ uploads: { db } }: Node, state: HashState): Promise<void> {
  await db.updateTable('upload_sessions').set({ hash_state: state }).execute();
}

async function reaches(node: Node, { session }: Upload, slots: number): Promise<void> {
  await until(async () => (await findHashCheckpoint(node.uploads.db, session.id))?.parts === slots);
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(bytes);
}
