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
import { leftoverFolder, leftoverProcess } from '../support/leftovers.ts';
import {
  assertOnlyFile,
  begin,
  bytesOfSeed,
  commitOf,
  published,
  put,
  putAll,
  removeOrphansNow,
  type Upload,
} from '../uploads/acts.ts';
import { openRoom, PART_SIZE, type Room } from '../uploads/room.ts';
import { type DeathPoint, type DyingChildOrders, SEED, SLOTS } from './dying-child.ts';

const CHILD = fileURLToPath(new URL('./dying-child.ts', import.meta.url));

// What a crash leaves (docs/understand/architecture.md): a process that has done just so much is killed, and another comes after it.
describe('a server that was killed', { timeout: 120_000 }, () => {
  it('after a file was begun, before its session had a row: the bytes go with the next sweep', async () => {
    await using room = await roomAfterDeath({ when: 'after', what: 'create' });
    assert.deepEqual(await room.uploads.db.selectFrom('upload_sessions').select('id').execute(), []);
    assert.equal(await removeOrphansNow(room), 1);
    const upload = await begin(room);
    await putAll(room, upload);
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  it('after the bytes of a part, before its row: the slot is free, for these bytes and for others', async () => {
    for (const bytes of [undefined, Buffer.alloc(PART_SIZE)]) {
      await using room = await roomAfterDeath({ when: 'after', what: 'writePart' });
      const upload = await theUpload(room);
      assert.equal(await findPart(room.uploads.db, upload.session.id, 1), undefined);
      if (bytes !== undefined) bytes.copy(upload.bytes, PART_SIZE);
      await putAll(room, upload);
      await removeOrphansNow(room);
      await assertOnlyFile(room, upload, await commitOf(room, upload));
    }
  });

  it('after the row of a part, before its answer: the part stands, and sent again it is the same', async () => {
    await using room = await roomAfterDeath({ when: 'after', what: 'insert parts' });
    const upload = await theUpload(room);
    const stored = await findPart(room.uploads.db, upload.session.id, 1);
    assert.deepEqual(await put(room, upload, 1), stored);
    await putAll(room, upload);
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  for (const [what, point] of Object.entries({
    'before the bytes were sealed': { when: 'before', what: 'complete' },
    'after the bytes were sealed, before they were published': { when: 'after', what: 'complete' },
    'while the file was being named': { when: 'after', what: 'insert versions' },
    'at the end of the naming, before it counted': { when: 'after', what: 'update upload_sessions' },
  } satisfies Record<string, DeathPoint>)) {
    it(`${what}: there is no file yet, the sweep leaves its bytes, and committed again it is made`, async () => {
      await using room = await roomAfterDeath(point);
      const upload = await theUpload(room);
      assert.equal(upload.session.state, 'open');
      assert.deepEqual(await published(room), []);
      assert.equal(await removeOrphansNow(room), 0);
      await assertOnlyFile(room, upload, await commitOf(room, upload));
    });
  }

  it('after the file was published, before the answer: committed again it is the same file', async () => {
    await using room = await roomAfterDeath({ when: 'before', what: 'answer' });
    const upload = await theUpload(room);
    const [file] = await published(room);
    const { fileId, versionId } = await commitOf(room, upload);
    assert.deepEqual(file, { file: { fileId, versionId }, bytes: upload.bytes });
    assert.equal(await removeOrphansNow(room), 0);
    await assertOnlyFile(room, upload, { fileId, versionId });
  });

  it('after an aborted session was forgotten, before its bytes were removed: they go with the next sweep', async () => {
    await using room = await roomAfterDeath({ when: 'before', what: 'remove' }, 'abort');
    assert.deepEqual(await room.uploads.db.selectFrom('upload_sessions').select('id').execute(), []);
    assert.equal(await removeOrphansNow(room), 1);
    assert.deepEqual(await published(room), []);
  });
});

/** A process uploads a file and dies at this point; then a room is opened on what it left. */
async function roomAfterDeath(point: DeathPoint, end: DyingChildOrders['end'] = 'commit'): Promise<Room> {
  const folder = leftoverFolder(mkdtempSync(join(tmpdir(), 'partway-crash-')));
  const orders: DyingChildOrders = { folder, end, ...point };
  const child = spawn(process.execPath, [CHILD, JSON.stringify(orders)], { stdio: ['ignore', 'ignore', 'pipe'] });
  leftoverProcess(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [, signal] = await once(child, 'close');
  assert.equal(signal, 'SIGKILL', `the child did not come to that point: ${stderr}`);
  return openRoom({ folder });
}

/** The one upload that the dead process had under way. */
async function theUpload(room: Room): Promise<Upload> {
  const row = await room.uploads.db.selectFrom('upload_sessions').selectAll().executeTakeFirstOrThrow();
  return { session: sessionFromRow(row), bytes: bytesOfSeed(SLOTS, SEED) };
}
