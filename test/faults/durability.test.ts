import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findPart, findSession } from '../../packages/server/src/uploads/session-store.ts';
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
  waitForFirstQueries,
} from '../uploads/upload-steps.ts';
import { openWatchedFixture, STAGED } from '../uploads/watched-fixture.ts';

describe('bytes first, then the row, then the response', { skip: bytesNotOnDisk ?? false }, () => {
  it('for a session: its file is on disk before its row is', async () => {
    const { fixture, log } = await openWatchedFixture();
    await using _ = fixture;
    const { session } = await createUpload(fixture);
    log.push('answer');
    const path = join(fixture.folder, 'staging', session.staged.blob);
    // The record of the staged blob is a row of its own that references no session.
    assert.equal(log.shift(), 'insert unreferenced_blobs');
    const { before, rows } = splitAt('create done', log);
    const [staging, blobs] = [join(fixture.folder, 'staging'), join(fixture.folder, 'blobs')];
    const file = [`truncate ${path}`, `sync ${path}`, `sync ${staging}`];
    // And the folders to which it will be moved.
    assert.deepEqual(before, [...file, `sync ${blobs}`, `sync ${join(blobs, session.staged.blob.slice(0, 2))}`]);
    assert.ok(rows.includes('insert upload_sessions'));
  });

  it('for a part: its bytes are synced before its row is written, and that is written before the response', async () => {
    const { fixture, log } = await openWatchedFixture();
    await using _ = fixture;
    const upload = await createUpload(fixture);
    log.length = 0;
    await sendPart(fixture, upload, 1);
    log.push('answer');
    const { before, rows } = splitAt('writePart done', log);
    assert.deepEqual(
      before.map((line) => line.replace(/ \/.*/, '')),
      ['open', 'writev', `wrote ${PART_SIZE}`, 'datasync', 'close'],
    );
    assert.ok(rows.includes('insert parts'));
  });

  it('for a commit: the rename is synced before the rows that reference the file are written', async () => {
    const { fixture, log } = await openWatchedFixture();
    await using _ = fixture;
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    log.length = 0;
    const file = await commitUpload(fixture, upload);
    log.push('answer');
    const id = upload.session.staged.blob;
    const [sealed, staging] = [
      join(fixture.folder, 'blobs', id.slice(0, 2), id.slice(2, 4)),
      join(fixture.folder, 'staging'),
    ];
    const { before, rows } = splitAt('complete done', log);
    // Before these, the folders that it created.
    assert.deepEqual(before.slice(-2), [`sync ${sealed}`, `sync ${staging}`]);
    for (const row of ['insert items', 'insert versions', 'update upload_sessions']) assert.ok(rows.includes(row));
    // Not only written but committed: another connection sees it.
    const other = await fixture.openAnother();
    await assertOnlyFile(other, upload, file);
    assert.equal((await findSession(other.uploads.db, upload.session.id))?.state, 'committed');
  });
});

describe('during a sync', { skip: bytesNotOnDisk ?? false }, () => {
  it('a part has neither row nor response', async () => {
    const disk = Promise.withResolvers<void>();
    const { fixture, log } = await openWatchedFixture([{ method: 'datasync', path: STAGED, wait: disk.promise }]);
    await using _ = fixture;
    const upload = await createUpload(fixture);
    let answered = false;
    const sending = sendPart(fixture, upload, 0).finally(() => {
      answered = true;
    });
    await until(() => log.some((line) => line.startsWith('datasync')));
    await waitForFirstQueries(fixture, upload);
    assert.equal(await findPart(fixture.uploads.db, upload.session.id, 0), undefined);
    assert.equal(answered, false);
    disk.resolve();
    await sending;
  });

  it('a commit has neither file nor response', async () => {
    const disk = Promise.withResolvers<void>();
    const { fixture, log } = await openWatchedFixture([{ method: 'sync', path: /blobs.{6}$/, wait: disk.promise }]);
    await using _ = fixture;
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    let answered = false;
    const committing = commitUpload(fixture, upload).finally(() => {
      answered = true;
    });
    await until(() => log.some((line) => /^sync .*blobs.{6}$/.test(line)));
    await waitForFirstQueries(fixture, upload);
    assert.deepEqual(await listVersions(fixture), []);
    assert.equal(answered, false);
    disk.resolve();
    await assertOnlyFile(fixture, upload, await committing);
  });
});

/**
 * What was done before a step of the store ended, without any rows, and the rows written between it and the response.
 */
function splitAt(step: string, log: readonly string[]): { before: string[]; rows: string[] } {
  const at = log.indexOf(step);
  assert.notEqual(at, -1);
  const [before, rows] = [log.slice(0, at), log.slice(at + 1, -1)];
  assert.ok(!before.some(isRow), `a row was written before "${step}": ${before.join(', ')}`);
  assert.ok(rows.every(isRow), `something other than rows was written after "${step}": ${rows.join(', ')}`);
  assert.equal(log.at(-1), 'answer');
  return { before, rows };
}

function isRow(line: string): boolean {
  return /^(insert|update|delete) /.test(line);
}
