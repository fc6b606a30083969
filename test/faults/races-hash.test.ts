import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';
import { openUploadFixture } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  listVersions,
  partsIn,
  sendAllParts,
  sendPart,
  tryCommit,
} from '../uploads/upload-steps.ts';
import type { Fault } from './faulty.ts';

describe('the whole-file hash', () => {
  for (const call of [1, 2, 3]) {
    it(`starts again after one failure at part ${call}, and is right at the commit`, async () => {
      const plan: Fault<BlobStore>[] = [{ method: 'localPart', when: 'before', call, fail: new Error('cannot read') }];
      await using fixture = await openUploadFixture({ plan });
      const upload = await createUpload(fixture, { partCount: 4 });
      // At least all parts but the first have to be read again.
      await sendAllParts(fixture, upload, [3, 2, 1, 0]);
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
      assert.equal(fixture.errors.length, 1);
    });
  }

  it('that cannot be calculated fails the commit, and nothing is lost', async () => {
    const down: Fault<BlobStore> = { method: 'localPart', when: 'before', fail: new Error('cannot read') };
    const plan = [down];
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload, [2, 1, 0]);
    await assert.rejects(tryCommit(fixture, upload), /cannot read/);
    assert.deepEqual(await listVersions(fixture), []);
    plan.length = 0;
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('reads no part again if all arrive in order and the store verifies them', async () => {
    let located = 0;
    const plan: Fault<BlobStore>[] = [{ method: 'localPart', when: 'before', hook: () => located++ }];
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture, { partCount: 5 });
    for (const index of partsIn(upload)) await sendPart(fixture, upload, index);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.equal(located, fixture.uploads.blobs.verifiesParts() ? 0 : 5);
  });

  it('follows the upload: when the last part is stored, all others have been hashed', async () => {
    const located: number[] = [];
    const plan: Fault<BlobStore>[] = [
      { method: 'localPart', when: 'before', hook: (_, slot) => located.push((slot as { index: number }).index) },
    ];
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture, { partCount: 5 });
    await sendAllParts(fixture, upload, [3, 1, 4, 2]);
    assert.deepEqual(located, []);
    await sendPart(fixture, upload, 0);
    // A store that verifies parts has hashed the first one on the way.
    const expected = fixture.uploads.blobs.verifiesParts() ? [1, 2, 3, 4] : [0, 1, 2, 3, 4];
    await until(() => located.length === expected.length);
    assert.deepEqual(located, expected);
    await commitUpload(fixture, upload);
    assert.deepEqual(located, expected);
  });

  it("that is not ready at the commit's timeout is available for the next commit", async () => {
    const gate = Promise.withResolvers<void>();
    const plan: Fault<BlobStore>[] = [{ method: 'localPart', when: 'before', delay: gate.promise }];
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload, [2, 1, 0]);
    assert.equal(await tryCommit(fixture, upload, { timeout: 5 }), undefined);
    assert.deepEqual(await listVersions(fixture), []);
    gate.resolve();
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('is right for sequential and interleaved uploads, although only one state is kept', async () => {
    await using fixture = await openUploadFixture({ maxSessions: 1 });
    const uploads = [
      await createUpload(fixture, { partCount: 6 }),
      await createUpload(fixture, { partCount: 6 }),
      await createUpload(fixture, { partCount: 6 }),
    ];
    for (let index = 0; index < 6; index++) for (const upload of uploads) await sendPart(fixture, upload, index);
    for (const upload of uploads) await commitUpload(fixture, upload);
    const files = (await listVersions(fixture)).map(({ bytes }) => bytes);
    for (const { bytes } of uploads) assert.ok(files.some((file) => file.equals(bytes)));
  });

  it('is right for parallel uploads, although only one state is kept', async () => {
    await using fixture = await openUploadFixture({ maxSessions: 1 });
    const uploads = await Promise.all([1, 2, 3].map(() => createUpload(fixture, { partCount: 6 })));
    await Promise.all(
      uploads.map(async (upload) => {
        await Promise.all(partsIn(upload).map((index) => sendPart(fixture, upload, index)));
        await commitUpload(fixture, upload);
      }),
    );
    const files = (await listVersions(fixture)).map(({ bytes }) => bytes);
    for (const { bytes } of uploads) assert.ok(files.some((file) => file.equals(bytes)));
  });
});

describe('after a restart', () => {
  // Parts on S3 cannot be read before the upload is complete: single-node.test.ts tests that.
  it('a complete upload is hashed before a client asks, and can be committed', {
    skip: bytesNotOnDisk ?? false,
  }, async () => {
    await using first = await openUploadFixture();
    const uploads = [await createUpload(first), await createUpload(first)];
    for (const upload of uploads) await sendAllParts(first, upload);
    let located = 0;
    const plan: Fault<BlobStore>[] = [{ method: 'localPart', when: 'before', hook: () => located++ }];
    await using fixture = await first.restart({ plan });
    await fixture.uploads.hasher.resume();
    assert.equal(located, 6);
    for (const upload of uploads) await commitUpload(fixture, upload);
    assert.equal(located, 6);
    assert.equal((await listVersions(fixture)).length, 2);
  });

  it('a commit that arrives while the server is hashing creates the file', async () => {
    await using first = await openUploadFixture();
    const upload = await createUpload(first, { partCount: 20 });
    await sendAllParts(first, upload);
    await using fixture = await first.restart();
    const [file] = await Promise.all([commitUpload(fixture, upload), fixture.uploads.hasher.resume()]);
    await assertOnlyFile(fixture, upload, file);
    assert.deepEqual(fixture.errors, []);
  });

  it('an upload resumes where it was, and can be committed', async () => {
    await using first = await openUploadFixture();
    const upload = await createUpload(first, { partCount: 6 });
    await sendAllParts(first, upload, [0, 4, 2]);
    await using fixture = await first.restart();
    const catchingUp = fixture.uploads.hasher.resume();
    await sendAllParts(fixture, upload, [1, 2, 5, 3]);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    await catchingUp;
  });
});
