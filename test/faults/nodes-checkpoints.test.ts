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

/** Of another version, so it cannot be used here. */
const FOREIGN_STATE = 'QUJDRA==' as HashState;

describe('a hash checkpoint of another version', { skip: noPostgres }, () => {
  it('is calculated again if no node has the bytes after it locally, as after an upgrade', async () => {
    await using nodes = await openNodes();
    const old = await nodes.start();
    const upload = await createUpload(old, { partCount: 4 });
    await sendAllParts(old, upload, [3, 2, 1]);
    old.spool.dropAllLocalParts();
    await sendPart(old, upload, 0);
    await waitForCheckpoint(old, upload, 1);
    await setState(old, FOREIGN_STATE);
    const node = await old.restart();
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });

  it('is calculated again if it was at the end', async () => {
    await using nodes = await openNodes();
    const node = await nodes.start();
    const upload = await createUpload(node, { partCount: 4 });
    await sendAllParts(node, upload);
    await waitForCheckpoint(node, upload, 4);
    await setState(node, FOREIGN_STATE);
    await assertOnlyFile(node, upload, await commitUpload(node, upload));
  });
});

describe('a hash checkpoint that was reset because the store lost a part', { skip: noPostgres }, () => {
  it('uses nothing that another node still has of that part', async () => {
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
    // A read that is so slow that its progress is saved at the start of the lost part, and then fails.
    let read = 0;
    digestPlan.push({ method: 'extend', when: 'before', hook: () => delayChunk(++read) });
    await assert.rejects(tryCommit(node, upload), /broken off/);
    const bytes = Buffer.from(upload.bytes);
    changed.copy(bytes, slot.offset);
    const whole = { ...upload, bytes };
    await assertOnlyFile(deaf, whole, await commitUpload(deaf, whole));
  });
});

/** The second chunk takes longer than the interval between saves of the progress; the third fails. */
async function delayChunk(chunk: number): Promise<void> {
  if (chunk === 2) await new Promise((resolve) => setTimeout(resolve, 2_100));
  if (chunk === 3) throw new Error('the reading is broken off');
}

async function setState({ uploads: { db } }: Node, state: HashState): Promise<void> {
  await db.updateTable('upload_sessions').set({ hash_state: state }).execute();
}

async function waitForCheckpoint(node: Node, { session }: Upload, slots: number): Promise<void> {
  await until(async () => (await findHashCheckpoint(node.uploads.db, session.id))?.parts === slots);
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(bytes);
}
