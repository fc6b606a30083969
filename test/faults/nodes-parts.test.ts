import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { abortSession, expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { findHashCheckpoint } from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { partId } from '../../packages/server/src/uploads/part-layout.ts';
import { RESERVATION_TTL } from '../../packages/server/src/uploads/registry/reservation.ts';
import { findPart, listParts } from '../../packages/server/src/uploads/session-store.ts';
import { stopPostgres } from '../database/postgres-database.ts';
import { noPostgres } from '../engines/postgres.ts';
import { until } from '../support/until.ts';
import { createSlowBody } from '../uploads/bodies.ts';
import { type Node, type NodeOptions, openNodes } from '../uploads/nodes.ts';
import { LIFETIME } from '../uploads/upload-fixture.ts';
import {
  assertNothingLeft,
  assertOnlyFile,
  commitUpload,
  createUpload,
  listVersions,
  partBytes,
  partsIn,
  sendAllParts,
  sendPart,
  sha1,
  tryCommit,
  type Upload,
} from '../uploads/upload-steps.ts';
import type { Fault } from './faulty.ts';

after(stopPostgres);

describe('one part sent to two nodes', { skip: noPostgres }, () => {
  it('in parallel with the same bytes is one part, and both requests get it', async () => {
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(), await nodes.start()];
    for (let round = 0; round < 10; round++) {
      const upload = await createUpload(one);
      const [part, same] = await Promise.all([sendPart(one, upload, 0), sendPart(other, upload, 0)]);
      assert.deepEqual({ ...same, receipt: '' }, { ...part, receipt: '' });
      await sendAllParts(other, upload);
      await commitUpload(one, upload);
    }
  });

  it('in parallel with other bytes is the first one, whose bytes are kept; the other is rejected', async () => {
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(), await nodes.start()];
    for (let round = 0; round < 10; round++) {
      const upload = await createUpload(one);
      const otherBytes = Buffer.alloc(partBytes(upload, 0).length, round);
      const results = await Promise.allSettled([
        sendPart(one, upload, 0),
        sendPart(other, upload, 0, { bytes: otherBytes }),
      ]);
      const won = results.findIndex(({ status }) => status === 'fulfilled');
      const [lost] = results.filter((result) => result.status === 'rejected');
      assert.match(lost?.reason.code, /^(part-exists|unavailable)$/);
      assert.equal(
        (await findPart(one.uploads.db, upload.session.id, 0))?.sha1,
        won === 0 ? sha1(partBytes(upload, 0)) : sha1(otherBytes),
      );
      // What was rejected temporarily is now rejected permanently.
      const again = won === 0 ? sendPart(other, upload, 0, { bytes: otherBytes }) : sendPart(one, upload, 0);
      await assert.rejects(again, { code: 'part-exists' });

      const file = won === 0 ? upload.bytes : Buffer.concat([otherBytes, upload.bytes.subarray(otherBytes.length)]);
      await sendPart(one, upload, 1);
      await sendPart(other, upload, 2);
      await commitUpload(one, { ...upload, bytes: file });
    }
  });

  it('in sequence, because the first response was lost, is the same part, and is stored once', async () => {
    let writes = 0;
    const plan: Fault<BlobStore>[] = [{ method: 'writePart', when: 'after', hook: () => writes++ }];
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start({ plan }), await nodes.start({ plan })];
    const upload = await createUpload(one);
    const part = await sendPart(one, upload, 1);
    assert.deepEqual(await sendPart(other, upload, 1), part);
    assert.deepEqual(await sendPart(one, upload, 1), part);
    assert.equal(writes, 1);
  });

  it('with other bytes while the first node is storing it has to be retried later', async () => {
    const gate = Promise.withResolvers<void>();
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(delayFirstPart(gate.promise)), await nodes.start()];
    const upload = await createUpload(one);
    const storing = sendPart(one, upload, 0);
    await until(() => isReserved(one, upload, 0));
    await assert.rejects(sendPart(other, upload, 0, { bytes: Buffer.alloc(partBytes(upload, 0).length) }), {
      code: 'unavailable',
      retryAfterSeconds: 10,
    });
    gate.resolve();
    await storing;
    await sendAllParts(other, upload);
    await assertOnlyFile(one, upload, await commitUpload(one, upload));
  });

  it('with other bytes has to be retried later even on a node whose clock is minutes ahead', async () => {
    const gate = Promise.withResolvers<void>();
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(delayFirstPart(gate.promise)), await nodes.start()];
    const upload = await createUpload(one);
    await extend(one, upload);
    other.uploads.clock = other.clock.ahead(2 * RESERVATION_TTL);
    const storing = sendPart(one, upload, 0);
    await until(() => isReserved(one, upload, 0));
    await assert.rejects(sendPart(other, upload, 0, { bytes: Buffer.alloc(partBytes(upload, 0).length) }), {
      code: 'unavailable',
    });
    gate.resolve();
    await storing;
    await sendAllParts(other, upload);
    await assertOnlyFile(one, upload, await commitUpload(one, upload));
  });

  it('after the first node died before storing it is accepted immediately with the same bytes', async () => {
    const never = Promise.withResolvers<void>();
    await using nodes = await openNodes();
    const [dying, other] = [await nodes.start(delayFirstPart(never.promise)), await nodes.start()];
    const upload = await createUpload(dying);
    void sendPart(dying, upload, 0).catch(() => {});
    await until(() => isReserved(other, upload, 0));
    await dying.kill();
    await sendAllParts(other, upload);
    await assertOnlyFile(other, upload, await commitUpload(other, upload));
    never.resolve();
  });

  it('after the first node died before storing it is accepted with other bytes when the reservation has expired', async () => {
    const never = Promise.withResolvers<void>();
    await using nodes = await openNodes();
    const [dying, other] = [await nodes.start(delayFirstPart(never.promise)), await nodes.start()];
    const upload = await createUpload(dying);
    void sendPart(dying, upload, 0, { bytes: Buffer.alloc(partBytes(upload, 0).length) }).catch(() => {});
    await until(() => isReserved(other, upload, 0));
    await dying.kill();
    await assert.rejects(sendPart(other, upload, 0), { code: 'unavailable' });
    await expireReservations(other, upload);
    await sendAllParts(other, upload);
    await assertOnlyFile(other, upload, await commitUpload(other, upload));
    never.resolve();
  });
});

describe('a part that the store lost after it was acknowledged', { skip: noPostgres }, () => {
  it('because a node slept longer than its reservation lasted is detected by the commit, and can be sent again', async () => {
    const gate = Promise.withResolvers<void>();
    await using nodes = await openNodes();
    const [zombie, other] = [await nodes.start(delayFirstPart(gate.promise)), await nodes.start()];
    const upload = await createUpload(zombie);
    const late = sendPart(zombie, upload, 1, { bytes: Buffer.alloc(partBytes(upload, 1).length) });
    await until(() => isReserved(other, upload, 1));
    await expireReservations(other, upload);
    await sendAllParts(other, upload);
    // The hash includes what was sent, which is not what the store has.
    await until(async () => (await findHashCheckpoint(other.uploads.db, upload.session.id))?.parts === 3);

    gate.resolve();
    await assert.rejects(late, { code: 'part-exists' });
    await assert.rejects(tryCommit(other, upload), { code: 'parts-mismatch' });
    const left = (await listParts(other.uploads.db, upload.session.id)).map(({ index: slot }) => slot);
    assert.deepEqual(left, [0, 2]);
    await sendPart(other, upload, 1);
    await assertOnlyFile(other, upload, await commitUpload(other, upload));
  });

  it('can be sent again with other bytes, and the whole-file hash is that of the stored bytes', async () => {
    await using nodes = await openNodes();
    const node = await nodes.start();
    const upload = await createUpload(node);
    await sendAllParts(node, upload);
    await until(async () => (await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts === 3);
    const raw = await openDiskStore(node.folder);
    const { staged } = upload.session;
    const other = Buffer.alloc(partBytes(upload, 0).length, 1);
    await raw.writePart(staged, { index: 0, offset: 0, length: other.length }, oneChunk(other));
    await assert.rejects(tryCommit(node, upload), { code: 'parts-mismatch' });
    await sendPart(node, upload, 0, { bytes: other });
    const whole = { ...upload, bytes: Buffer.concat([other, upload.bytes.subarray(other.length)]) };
    await assertOnlyFile(node, whole, await commitUpload(node, whole));
  });
});

describe('a lost part that was sent again', { skip: noPostgres }, () => {
  for (const [which, again] of [
    ['the same', (upload: Upload) => partBytes(upload, 1)],
    ['other', (upload: Upload) => Buffer.alloc(partBytes(upload, 1).length, 2)],
  ] as const) {
    it(`with ${which} bytes is kept, even if a commit that detected the loss ends only afterwards`, async () => {
      const [checking, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      // The third part is checked after the second was found to be lost.
      const storePlan: Fault<BlobStore>[] = [
        { method: 'localPart', when: 'before', call: 3, hook: () => checking.resolve() },
        { method: 'localPart', when: 'before', call: 3, delay: gate.promise },
      ];
      await using nodes = await openNodes();
      const [slow, other] = [await nodes.start({ storePlan }), await nodes.start()];
      const upload = await createUpload(slow);
      await sendAllParts(slow, upload);
      await until(async () => (await findHashCheckpoint(slow.uploads.db, upload.session.id))?.parts === 3);
      const raw = await openDiskStore(slow.folder);
      const { length } = partBytes(upload, 1);
      const slot = { index: 1, offset: length, length };
      await raw.writePart(upload.session.staged, slot, oneChunk(Buffer.alloc(length, 1)));

      const committing = tryCommit(slow, upload).catch((error: unknown) => error);
      await checking.promise;
      await assert.rejects(tryCommit(other, upload), { code: 'parts-mismatch' });
      const sent = again(upload);
      const part = await sendPart(other, upload, 1, { bytes: sent });
      gate.resolve();
      const { code } = (await committing) as { code?: string };
      assert.equal(code, 'unavailable');
      assert.deepEqual(await findPart(other.uploads.db, upload.session.id, 1), part);
      const bytes = Buffer.from(upload.bytes);
      sent.copy(bytes, slot.offset);
      const whole = { ...upload, bytes };
      await assertOnlyFile(slow, whole, await commitUpload(slow, whole));
    });
  }
});

describe('an upload whose lost part was sent again with other bytes, and completed', { skip: noPostgres }, () => {
  it('gets no outdated hash from a commit on a node that was suspended before', async () => {
    const [sealing, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const plan: Fault<BlobStore>[] = [
      { method: 'complete', when: 'before', call: 1, hook: () => sealing.resolve() },
      { method: 'complete', when: 'before', call: 1, delay: gate.promise },
    ];
    await using nodes = await openNodes();
    const [slow, other] = [await nodes.start({ plan }), await nodes.start()];
    const upload = await createUpload(slow);
    await sendAllParts(slow, upload);
    await until(async () => (await findHashCheckpoint(slow.uploads.db, upload.session.id))?.parts === 3);
    const committing = tryCommit(slow, upload).catch((error: unknown) => error);
    await sealing.promise;

    const changed = await replaceLostPart(slow, other, upload);
    await assert.rejects(tryCommit(other, upload), { code: 'digest-mismatch' });
    gate.resolve();
    assert.equal(((await committing) as { code?: string }).code, 'unavailable');
    assert.deepEqual(await listVersions(slow), []);
    await assert.rejects(tryCommit(slow, upload), { code: 'digest-mismatch' });
    await assertOnlyFile(slow, changed, await commitUpload(slow, changed));
  });
});

/** The store loses the second part; `node` detects that and accepts other bytes instead. */
async function replaceLostPart(holder: Node, node: Node, upload: Upload): Promise<Upload> {
  const raw = await openDiskStore(holder.folder);
  const { length } = partBytes(upload, 1);
  const slot = { index: 1, offset: length, length };
  await raw.writePart(upload.session.staged, slot, oneChunk(Buffer.alloc(length, 1)));
  await assert.rejects(tryCommit(node, upload), { code: 'parts-mismatch' });
  const bytes = Buffer.from(upload.bytes);
  Buffer.alloc(length, 2).copy(bytes, slot.offset);
  const changed = { ...upload, bytes };
  await sendPart(node, changed, 1);
  return changed;
}

describe('a part on one node', { skip: noPostgres }, () => {
  it('that is being stored is awaited by a commit on another, which creates the file', async () => {
    const gate = Promise.withResolvers<void>();
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(delayFirstPart(gate.promise)), await nodes.start()];
    const upload = await createUpload(one);
    await sendAllParts(other, upload, [0, 1]);
    const storing = sendPart(one, upload, 2);
    await until(() => isReserved(other, upload, 2));
    const parts = partsIn(upload).map((slot) => ({ ...ANY_PLACE, partId: partId(upload.session.id, slot) }));
    const committing = commitUpload(other, upload, { parts });
    setTimeout(gate.resolve, 300);
    await storing;
    await assertOnlyFile(other, upload, await committing);
  });

  it('is not awaited by a commit on another node that cannot know of it; that commit can be repeated', async () => {
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(one);
    await sendAllParts(other, upload, [0, 1]);
    const body = createSlowBody();
    const coming = sendPart(one, upload, 2, { body });
    await assert.rejects(tryCommit(other, upload), { code: 'invalid-request' });
    body.send(partBytes(upload, 2));
    body.end();
    await coming;
    await assertOnlyFile(other, upload, await commitUpload(other, upload));
  });

  it('of an upload that is aborted on another node while its body arrives is rejected, and nothing of it is kept', async () => {
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(one);
    await sendPart(one, upload, 0);
    const body = createSlowBody();
    const coming = sendPart(one, upload, 1, { body });
    body.send(partBytes(upload, 1));
    await abortSession(other.uploads, upload.session.owner, upload.session.id);
    body.end();
    await assert.rejects(coming, { code: 'session-not-found' });
    await assertNothingLeft(one, upload);
  });

  it('of an upload that is aborted on another node while it is being stored is rejected, and nothing of it is kept', async () => {
    const gate = Promise.withResolvers<void>();
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(delayFirstPart(gate.promise)), await nodes.start()];
    const upload = await createUpload(one);
    const storing = sendPart(one, upload, 1);
    await until(() => isReserved(other, upload, 1));
    await abortSession(other.uploads, upload.session.owner, upload.session.id);
    gate.resolve();
    await assert.rejects(storing, { code: 'session-not-found' });
    await assertNothingLeft(one, upload);
  });

  it('of an upload that expired on another node is rejected as expired, although this node remembers it as open', async () => {
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(one);
    await sendPart(one, upload, 0);
    other.uploads.clock = other.clock.ahead(LIFETIME);
    assert.equal(await expireSessions(other.uploads), 1);
    await assert.rejects(sendPart(one, upload, 1), { code: 'session-expired' });
    await assertNothingLeft(one, upload);
  });

  it('sent again after another node has created the file gets the same response', async () => {
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(one);
    const part = await sendPart(one, upload, 0);
    await sendAllParts(other, upload);
    const file = await commitUpload(other, upload);
    assert.deepEqual(await sendPart(one, upload, 0), part);
    assert.deepEqual(await sendPart(other, upload, 0), part);
    await assertOnlyFile(one, upload, file);
  });
});

const ANY_PLACE = { offset: undefined, size: undefined, sha1: undefined };

/** A node that waits before the store gets a byte of its first part, after the part is reserved. */
function delayFirstPart(gate: Promise<unknown>): NodeOptions {
  return { storePlan: [{ method: 'writePart', when: 'before', call: 1, delay: gate }] };
}

async function isReserved(node: Node, { session }: Upload, slot: number): Promise<boolean> {
  const row = await node.uploads.db
    .selectFrom('parts')
    .select('stored')
    .where('session_id', '=', session.id)
    .where('part_index', '=', slot)
    .executeTakeFirst();
  return row !== undefined;
}

/** Makes current reservations so old that they can be given to others. */
async function expireReservations({ uploads: { db } }: Node, { session }: Upload): Promise<void> {
  await db
    .updateTable('parts')
    .set((row) => ({ created_at: row('created_at', '-', RESERVATION_TTL) }))
    .where('session_id', '=', session.id)
    .execute();
}

/** Extends the session beyond the test's clock changes. */
async function extend(node: Node, { session }: Upload): Promise<void> {
  const until = { expires_at: session.expiresAt + 10 * RESERVATION_TTL };
  await node.uploads.db.updateTable('upload_sessions').set(until).where('id', '=', session.id).execute();
  node.uploads.registry.forgetSession(session.id);
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(bytes);
}
