import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import type { ListedPart } from '../../packages/server/src/uploads/check-listed-parts.ts';
import { partId } from '../../packages/server/src/uploads/part-layout.ts';
import { createSlowBody } from '../uploads/bodies.ts';
import { openUploadFixture, PART_SIZE } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  partBytes,
  partsIn,
  sendAllParts,
  sendPart,
  tryCommit,
  type Upload,
  waitForFirstQueries,
} from '../uploads/upload-steps.ts';
import type { Fault } from './faulty.ts';

const LIMIT = { timeout: 120_000 };

describe('a commit', LIMIT, () => {
  it('waits for a part that is still being received', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload, [0, 2]);
    const body = createSlowBody();
    const last = sendPart(fixture, upload, 1, { body });
    body.send(partBytes(upload, 1).subarray(0, 1000));
    await waitForFirstQueries(fixture, upload);
    // The client lists the part before it has the response, because part IDs can be calculated.
    const parts = listAllParts(upload);
    let early = true;
    const committing = commitUpload(fixture, upload, { parts }).finally(() => assert.equal(early, false));
    await waitForFirstQueries(fixture, upload);
    early = false;
    body.send(partBytes(upload, 1).subarray(1000));
    body.end();
    await last;
    await assertOnlyFile(fixture, upload, await committing);
  });

  it(
    'waits for a stalled part until its timeout, and succeeds when it is repeated after the part has arrived',
    LIMIT,
    async () => {
      await using fixture = await openUploadFixture();
      const upload = await createUpload(fixture);
      await sendAllParts(fixture, upload, [0, 2]);
      const body = createSlowBody();
      const last = sendPart(fixture, upload, 1, { body });
      body.send(partBytes(upload, 1).subarray(0, 1000));
      await waitForFirstQueries(fixture, upload);
      const parts = listAllParts(upload);
      await assert.rejects(tryCommit(fixture, upload, { parts, timeout: 20 }), { code: 'parts-mismatch' });
      body.send(partBytes(upload, 1).subarray(1000));
      body.end();
      await last;
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    },
  );

  for (const when of ['before', 'after'] as const) {
    it(`is not affected by a part that is sent again ${when} the bytes are complete`, async () => {
      const plan: Fault<BlobStore>[] = [];
      await using fixture = await openUploadFixture({ plan });
      const upload = await createUpload(fixture);
      await sendAllParts(fixture, upload);
      const part = await sendPart(fixture, upload, 0);
      const resend = async () => {
        assert.deepEqual(await sendPart(fixture, upload, 0), part);
        const other = sendPart(fixture, upload, 0, { bytes: Buffer.alloc(PART_SIZE) });
        await assert.rejects(other, { code: 'part-exists' });
      };
      plan.push({ method: 'complete', when, hook: resend });
      const file = await commitUpload(fixture, upload);
      await resend();
      await assertOnlyFile(fixture, upload, file);
    });
  }

  it('puts the parts in the order of their offsets, regardless of the order in which they arrived', async () => {
    for (const order of [[4, 3, 2, 1, 0], [0, 1, 2, 3, 4], [2, 4, 0, 3, 1], 'all at once'] as const) {
      await using fixture = await openUploadFixture();
      const upload = await createUpload(fixture, { partCount: 5 });
      if (order === 'all at once') await Promise.all(partsIn(upload).map((index) => sendPart(fixture, upload, index)));
      else await sendAllParts(fixture, upload, [...order]);
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    }
  });
});

/** A list of all parts, including those not stored yet. */
function listAllParts(upload: Upload): ListedPart[] {
  return partsIn(upload).map((slot) => ({
    partId: partId(upload.session.id, slot),
    offset: slot * PART_SIZE,
    size: undefined,
    sha1: undefined,
  }));
}
