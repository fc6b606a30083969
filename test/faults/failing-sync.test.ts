import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findPart } from '../../packages/server/src/uploads/session-store.ts';
import { collect } from '../conformance/content-samples.ts';
import { type FileFault, systemError } from '../storage/opening-with.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';
import { assertOnlyFile, begin, commitOf, published, put, putAll, tryCommit } from '../uploads/acts.ts';
import { PART_SIZE } from '../uploads/room.ts';
import { STAGED, watchedRoom } from '../uploads/watched-room.ts';

describe('a sync that fails', { skip: bytesNotOnDisk ?? false }, () => {
  it('fails the part, which leaves no row; sent again it is stored', async () => {
    const failing: FileFault = { method: 'datasync', path: STAGED, call: 1, error: systemError('EIO') };
    const { room, log } = await watchedRoom([failing]);
    await using _ = room;
    const upload = await begin(room);
    await assert.rejects(put(room, upload, 0), { code: 'EIO' });
    assert.equal(await findPart(room.uploads.db, upload.session.id, 0), undefined);
    assert.ok(!log.includes('insert parts'));
    await putAll(room, upload);
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  it('fails every part that waited for it, and none of these has a row', async () => {
    const disk = Promise.withResolvers<void>();
    const failing: FileFault = {
      method: 'datasync',
      path: STAGED,
      call: 1,
      wait: disk.promise,
      error: systemError('EIO'),
    };
    const { room, log } = await watchedRoom([failing]);
    await using _ = room;
    const upload = await begin(room, { slots: 4 });
    const sending = [0, 1, 2].map((index) => put(room, upload, index));
    const results = Promise.allSettled(sending);
    await until(() => log.filter((line) => line.startsWith(`wrote ${PART_SIZE}`)).length === 3);
    disk.resolve();
    assert.deepEqual(
      (await results).map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    assert.ok(!log.includes('insert parts'));
    await putAll(room, upload);
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  for (const [what, path] of Object.entries({
    'the folder that it is sealed in': /content.{6}$/,
    'the folder that it leaves': /staging$/,
  })) {
    it(`fails the commit where it is that of ${what}; no file is there, and committed again it is`, async () => {
      const faults: FileFault[] = [];
      const { room, log } = await watchedRoom(faults);
      await using _ = room;
      const upload = await begin(room);
      await putAll(room, upload);
      faults.push({ method: 'sync', path, call: 1, error: systemError('EIO') });
      await assert.rejects(tryCommit(room, upload), { code: 'EIO' });
      assert.deepEqual(await published(room), []);
      assert.ok(!log.includes('insert versions'));
      await assertOnlyFile(room, upload, await commitOf(room, upload));
    });
  }

  it('fails the session where it is that of its file, and leaves neither row nor bytes', async () => {
    const { room } = await watchedRoom([{ method: 'sync', path: STAGED, call: 1, error: systemError('EIO') }]);
    await using _ = room;
    await assert.rejects(begin(room), { code: 'EIO' });
    assert.deepEqual(await room.uploads.db.selectFrom('upload_sessions').select('id').execute(), []);
    assert.deepEqual(await collect(room.uploads.blobs.list()), []);
  });
});
