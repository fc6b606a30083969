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
import { type DeathPoint, type DyingChildOrders, SEED, SLOTS } from './dying-child.ts';

const CHILD = fileURLToPath(new URL('./dying-child.ts', import.meta.url));

// What a crash leaves (docs/understand/architecture.md): a process that has done just so much is killed, and another comes after it.
describe('a server that was killed', { timeout: 120_000 }, () => {
  it('after a file was begun, before its session had a row: the bytes go with the next sweep', async () => {
    await using fixture = await roomAfterDeath({ when: 'after', what: 'create' });
    assert.deepEqual(await fixture.uploads.db.selectFrom('upload_sessions').select('id').execute(), []);
    assert.equal(await collectGarbageNow(fixture), 1);
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('after the bytes of a part, before its row: the slot is free, for these bytes and for others', async () => {
    for (const bytes of [undefined, Buffer.alloc(PART_SIZE)]) {
      await using fixture = await roomAfterDeath({ when: 'after', what: 'writePart' });
      const upload = await theUpload(fixture);
      assert.equal(await findPart(fixture.uploads.db, upload.session.id, 1), undefined);
      if (bytes !== undefined) bytes.copy(upload.bytes, PART_SIZE);
      await sendAllParts(fixture, upload);
      await collectGarbageNow(fixture);
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    }
  });

  it('after the row of a part, before its answer: the part stands, and sent again it is the same', async () => {
    await using fixture = await roomAfterDeath({ when: 'after', what: 'insert parts' });
    const upload = await theUpload(fixture);
    const stored = await findPart(fixture.uploads.db, upload.session.id, 1);
    assert.deepEqual(await sendPart(fixture, upload, 1), stored);
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  for (const [what, point] of Object.entries({
    'before the bytes were sealed': { when: 'before', what: 'complete' },
    'after the bytes were sealed, before they were published': { when: 'after', what: 'complete' },
    'while the file was being named': { when: 'after', what: 'insert versions' },
    'at the end of the naming, before it counted': { when: 'after', what: 'update upload_sessions' },
  } satisfies Record<string, DeathPoint>)) {
    it(`${what}: there is no file yet, the sweep leaves its bytes, and committed again it is made`, async () => {
      await using fixture = await roomAfterDeath(point);
      const upload = await theUpload(fixture);
      assert.equal(upload.session.state, 'open');
      assert.deepEqual(await listVersions(fixture), []);
      assert.equal(await collectGarbageNow(fixture), 0);
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    });
  }

  it('after the file was published, before the answer: committed again it is the same file', async () => {
    await using fixture = await roomAfterDeath({ when: 'before', what: 'answer' });
    const upload = await theUpload(fixture);
    const [file] = await listVersions(fixture);
    const { fileId, versionId } = await commitUpload(fixture, upload);
    assert.deepEqual(file, { file: { fileId, versionId }, bytes: upload.bytes });
    assert.equal(await collectGarbageNow(fixture), 0);
    await assertOnlyFile(fixture, upload, { fileId, versionId });
  });

  it('after an aborted session was forgotten, before its bytes were removed: they go with the next sweep', async () => {
    await using fixture = await roomAfterDeath({ when: 'before', what: 'remove' }, 'abort');
    assert.deepEqual(await fixture.uploads.db.selectFrom('upload_sessions').select('id').execute(), []);
    assert.equal(await collectGarbageNow(fixture), 1);
    assert.deepEqual(await listVersions(fixture), []);
  });
});

/** A process uploads a file and dies at this point; then a room is opened on what it left. */
async function roomAfterDeath(point: DeathPoint, end: DyingChildOrders['end'] = 'commit'): Promise<UploadFixture> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-crash-')));
  const orders: DyingChildOrders = { folder, end, ...point };
  const child = spawn(process.execPath, [CHILD, JSON.stringify(orders)], { stdio: ['ignore', 'ignore', 'pipe'] });
  killAtExit(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [, signal] = await once(child, 'close');
  assert.equal(signal, 'SIGKILL', `the child did not come to that point: ${stderr}`);
  return openUploadFixture({ folder });
}

/** The one upload that the dead process had under way. */
async function theUpload(fixture: UploadFixture): Promise<Upload> {
  const row = await fixture.uploads.db.selectFrom('upload_sessions').selectAll().executeTakeFirstOrThrow();
  return { session: sessionFromRow(row), bytes: seededFile(SLOTS, SEED) };
}
