import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findPart } from '../../packages/server/src/uploads/session-store.ts';
import { collect } from '../conformance/blob-samples.ts';
import { type FileFault, systemError } from '../storage/open-with-faults.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';
import { PART_SIZE } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  listVersions,
  sendAllParts,
  sendPart,
  tryCommit,
} from '../uploads/upload-steps.ts';
import { openWatchedFixture, STAGED } from '../uploads/watched-fixture.ts';

describe('a failing sync', { skip: bytesNotOnDisk ?? false }, () => {
  it('fails the part, which gets no row; sent again, it is stored', async () => {
    const failing: FileFault = { method: 'datasync', path: STAGED, call: 1, error: systemError('EIO') };
    const { fixture, log } = await openWatchedFixture([failing]);
    await using _ = fixture;
    const upload = await createUpload(fixture);
    await assert.rejects(sendPart(fixture, upload, 0), { code: 'EIO' });
    assert.equal(await findPart(fixture.uploads.db, upload.session.id, 0), undefined);
    assert.ok(!log.includes('insert parts'));
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('fails all parts that waited for it, and none of them gets a row', async () => {
    const disk = Promise.withResolvers<void>();
    const failing: FileFault = {
      method: 'datasync',
      path: STAGED,
      call: 1,
      wait: disk.promise,
      error: systemError('EIO'),
    };
    const { fixture, log } = await openWatchedFixture([failing]);
    await using _ = fixture;
    const upload = await createUpload(fixture, { partCount: 4 });
    const sending = [0, 1, 2].map((index) => sendPart(fixture, upload, index));
    const results = Promise.allSettled(sending);
    await until(() => log.filter((line) => line.startsWith(`wrote ${PART_SIZE}`)).length === 3);
    disk.resolve();
    assert.deepEqual(
      (await results).map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    assert.ok(!log.includes('insert parts'));
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  for (const [what, path] of Object.entries({
    'the folder to which it is moved': /blobs.{6}$/,
    'the folder from which it is moved': /staging$/,
  })) {
    it(`of ${what} fails the commit; there is no file, and a repeated commit creates it`, async () => {
      const faults: FileFault[] = [];
      const { fixture, log } = await openWatchedFixture(faults);
      await using _ = fixture;
      const upload = await createUpload(fixture);
      await sendAllParts(fixture, upload);
      faults.push({ method: 'sync', path, call: 1, error: systemError('EIO') });
      await assert.rejects(tryCommit(fixture, upload), { code: 'EIO' });
      assert.deepEqual(await listVersions(fixture), []);
      assert.ok(!log.includes('insert versions'));
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    });
  }

  it("of a session's file fails the session, and leaves neither row nor bytes", async () => {
    const { fixture } = await openWatchedFixture([
      { method: 'sync', path: STAGED, call: 1, error: systemError('EIO') },
    ]);
    await using _ = fixture;
    await assert.rejects(createUpload(fixture), { code: 'EIO' });
    assert.deepEqual(await fixture.uploads.db.selectFrom('upload_sessions').select('id').execute(), []);
    assert.deepEqual(await collect(fixture.uploads.blobs.list()), []);
  });
});
