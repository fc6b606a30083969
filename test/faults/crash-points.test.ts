import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sessionFromRow } from '../../packages/server/src/uploads/session.ts';
import { findPart } from '../../packages/server/src/uploads/session-store.ts';
import { deleteAtExit, killAtExit } from '../support/leftovers.ts';
import { openUploadFixture, PART_SIZE, type UploadFixture } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  collectGarbageNow,
  commitUpload,
  createUpload,
  listVersions,
  seededFile,
  sendAllParts,
  sendPart,
  type Upload,
} from '../uploads/upload-steps.ts';
import { type DeathPoint, type DyingChildOptions, SEED, SLOTS } from './dying-child.ts';

const CHILD = fileURLToPath(new URL('./dying-child.ts', import.meta.url));

// After each crash point (docs/understand/architecture.md), a killed process is followed by another one.
describe('a killed server', { timeout: 120_000 }, () => {
  it('after creating a file, before the row of its session: garbage collection deletes the bytes', async () => {
    await using fixture = await openAfterDeath({ when: 'after', what: 'create' });
    assert.deepEqual(await fixture.uploads.db.selectFrom('upload_sessions').select('id').execute(), []);
    assert.equal(await collectGarbageNow(fixture), 1);
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('after the bytes of a part, before its row: the part can be sent with these or other bytes', async () => {
    for (const bytes of [undefined, Buffer.alloc(PART_SIZE)]) {
      await using fixture = await openAfterDeath({ when: 'after', what: 'writePart' });
      const upload = await findUpload(fixture);
      assert.equal(await findPart(fixture.uploads.db, upload.session.id, 1), undefined);
      if (bytes !== undefined) bytes.copy(upload.bytes, PART_SIZE);
      await sendAllParts(fixture, upload);
      await collectGarbageNow(fixture);
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    }
  });

  it('after the row of a part, before the response: the part is kept, and sending it again returns the same part', async () => {
    await using fixture = await openAfterDeath({ when: 'after', what: 'insert parts' });
    const upload = await findUpload(fixture);
    const stored = await findPart(fixture.uploads.db, upload.session.id, 1);
    assert.deepEqual(await sendPart(fixture, upload, 1), stored);
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  for (const [what, point] of Object.entries({
    'before the bytes were complete': { when: 'before', what: 'complete' },
    'after the bytes were complete, before the commit': { when: 'after', what: 'complete' },
    'during the transaction of the commit': { when: 'after', what: 'insert versions' },
    'at the end of that transaction, before its commit': { when: 'after', what: 'update upload_sessions' },
  } satisfies Record<string, DeathPoint>)) {
    it(`${what}: there is no file yet, garbage collection keeps the bytes, and a repeated commit creates the file`, async () => {
      await using fixture = await openAfterDeath(point);
      const upload = await findUpload(fixture);
      assert.equal(upload.session.state, 'open');
      assert.deepEqual(await listVersions(fixture), []);
      assert.equal(await collectGarbageNow(fixture), 0);
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    });
  }

  it('after the commit, before the response: a repeated commit returns the same file', async () => {
    await using fixture = await openAfterDeath({ when: 'before', what: 'answer' });
    const upload = await findUpload(fixture);
    const [file] = await listVersions(fixture);
    const { fileId, versionId } = await commitUpload(fixture, upload);
    assert.deepEqual(file, { file: { fileId, versionId }, bytes: upload.bytes });
    assert.equal(await collectGarbageNow(fixture), 0);
    await assertOnlyFile(fixture, upload, { fileId, versionId });
  });

  it('after the row of an aborted session was deleted, before its bytes: garbage collection deletes them', async () => {
    await using fixture = await openAfterDeath({ when: 'before', what: 'remove' }, 'abort');
    assert.deepEqual(await fixture.uploads.db.selectFrom('upload_sessions').select('id').execute(), []);
    assert.equal(await collectGarbageNow(fixture), 1);
    assert.deepEqual(await listVersions(fixture), []);
  });
});

/** Runs a process that uploads a file and dies at this point, then opens a fixture on its folder. */
async function openAfterDeath(point: DeathPoint, end: DyingChildOptions['end'] = 'commit'): Promise<UploadFixture> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-crash-')));
  const orders: DyingChildOptions = { folder, end, ...point };
  const child = spawn(process.execPath, [CHILD, JSON.stringify(orders)], { stdio: ['ignore', 'ignore', 'pipe'] });
  killAtExit(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [, signal] = await once(child, 'close');
  assert.equal(signal, 'SIGKILL', `the child did not reach that point: ${stderr}`);
  return openUploadFixture({ folder });
}

/** The only upload that the dead process had in progress. */
async function findUpload(fixture: UploadFixture): Promise<Upload> {
  const row = await fixture.uploads.db.selectFrom('upload_sessions').selectAll().executeTakeFirstOrThrow();
  return { session: sessionFromRow(row), bytes: seededFile(SLOTS, SEED) };
}
