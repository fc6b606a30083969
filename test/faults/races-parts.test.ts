import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import { openWithFaults } from '../storage/open-with-faults.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';
import { createSlowBody } from '../uploads/bodies.ts';
import { openUploadFixture, PART_SIZE } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  partBytes,
  sendAllParts,
  sendPart,
  waitForFirstQueries,
} from '../uploads/upload-steps.ts';
import type { Fault } from './faulty.ts';

const LIMIT = { timeout: 120_000 };

describe('a part that is sent again over a new connection while the first one hangs', LIMIT, () => {
  it('is accepted immediately, and the first request is canceled', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    const stalled = createSlowBody();
    const cut = assert.rejects(sendPart(fixture, upload, 1, { body: stalled }), /newer request/);
    stalled.send(partBytes(upload, 1).subarray(0, 1000));
    await waitForFirstQueries(fixture, upload);
    const part = await sendPart(fixture, upload, 1);
    assert.equal(stalled.destroyed, true);
    await cut;
    assert.deepEqual(await sendPart(fixture, upload, 1), part);
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('also wins as the third request if the second hangs too', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    const cut = [];
    for (const body of [createSlowBody(), createSlowBody()]) {
      cut.push(
        assert.rejects(
          sendPart(fixture, upload, 0, { body }),
          /A newer request for the same part has replaced this one/,
        ),
      );
      body.send(partBytes(upload, 0).subarray(0, 1000));
      await waitForFirstQueries(fixture, upload);
    }
    await sendPart(fixture, upload, 0);
    await Promise.all(cut);
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('is never mixed: bytes of the first request that are being written are on disk before it starts', {
    skip: bytesNotOnDisk ?? false,
  }, async () => {
    const disk = Promise.withResolvers<void>();
    const log: string[] = [];
    const slow = { method: 'writev', path: /staging/, call: 1, wait: disk.promise } as const;
    await using fixture = await openUploadFixture({
      files: new DurableFiles({ openFile: openWithFaults({ log, faults: [slow] }) }),
    });
    const upload = await createUpload(fixture);
    const other = Buffer.alloc(PART_SIZE, 0xee);
    const stalled = createSlowBody();
    const cut = assert.rejects(
      sendPart(fixture, upload, 0, { bytes: other, body: stalled }),
      /A newer request for the same part has replaced this one/,
    );
    stalled.send(other.subarray(0, 40_000));
    const writes = () => log.filter((line) => line.startsWith('writev')).length;
    await until(() => writes() === 1);

    const second = sendPart(fixture, upload, 0);
    await until(() => stalled.destroyed);
    await waitForFirstQueries(fixture, upload);
    assert.equal(writes(), 1, 'the second request wrote at the same time as the first');
    disk.resolve();
    await cut;
    await second;
    const file = await readFile(join(fixture.folder, 'staging', upload.session.staged.blob));
    assert.deepEqual(file.subarray(0, PART_SIZE), partBytes(upload, 0));
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('gets the part that the first request has stored at the last moment', async () => {
    const { plan, written, unblock } = blockAfterFirstWrite();
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture);
    const first = sendPart(fixture, upload, 0);
    await written;
    const second = sendPart(fixture, upload, 0);
    await waitForFirstQueries(fixture, upload);
    unblock();
    assert.deepEqual(await second, await first);
  });

  it('is rejected if its bytes differ from those that the first request has stored', async () => {
    const { plan, written, unblock } = blockAfterFirstWrite();
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture);
    const first = sendPart(fixture, upload, 0);
    await written;
    const second = sendPart(fixture, upload, 0, { bytes: Buffer.alloc(PART_SIZE) });
    const refused = assert.rejects(second, { code: 'part-exists' });
    unblock();
    await first;
    await refused;
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });
});

/** Blocks the first part after its bytes are written and before it has a row. */
function blockAfterFirstWrite(): { plan: Fault<BlobStore>[]; written: Promise<void>; unblock: () => void } {
  const { promise: written, resolve: isWritten } = Promise.withResolvers<void>();
  const { promise: going, resolve: unblock } = Promise.withResolvers<void>();
  function hook(): Promise<void> {
    isWritten();
    return going;
  }
  return { plan: [{ method: 'writePart', when: 'after', call: 1, hook }], written, unblock: unblock };
}
