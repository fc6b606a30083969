import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { findHashCheckpoint } from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { until } from '../support/until.ts';
import { openLoneNode } from '../uploads/nodes.ts';
import { PART_SIZE } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  partsIn,
  sendAllParts,
  sendPart,
} from '../uploads/upload-steps.ts';
import type { Fault } from './faulty.ts';

describe('one node with SQLite and a store that cannot read incomplete files', () => {
  it('has hashed the whole file when its last part is stored, regardless of their order', async () => {
    let opened = 0;
    await using node = await openLoneNode({ plan: [{ method: 'read', when: 'before', hook: () => opened++ }] });
    const upload = await createUpload(node, { partCount: 8 });
    await sendAllParts(node, upload, [3, 1, 0, 2, 7, 6, 5, 4]);
    await until(async () => (await findHashCheckpoint(node.uploads.db, upload.session.id))?.parts === 8);
    const file = await commitUpload(node, upload);
    assert.equal(opened, 0);
    await assertOnlyFile(node, upload, file);
    assert.deepEqual(node.errors, []);
  });

  it('continues after a restart from the saved checkpoint, and at the commit reads only the bytes lost in the restart', async () => {
    const opened: unknown[] = [];
    const plan: Fault<BlobStore>[] = [{ method: 'read', when: 'before', hook: (_, range) => opened.push(range) }];
    await using first = await openLoneNode();
    const upload = await createUpload(first, { partCount: 6 });
    await sendAllParts(first, upload, [0, 1, 3]);
    await until(async () => (await findHashCheckpoint(first.uploads.db, upload.session.id))?.parts === 2);
    await using node = await first.restart({ plan });
    await sendAllParts(node, upload, [2, 4, 5]);
    // The part after the checkpoint was lost in the restart; those after it wait.
    const file = await commitUpload(node, upload);
    assert.deepEqual(opened, [{ first: 3 * PART_SIZE, last: upload.bytes.length - 1 }]);
    await assertOnlyFile(node, upload, file);
  });

  it('completes parallel uploads, although it keeps the state of only one', async () => {
    await using node = await openLoneNode({ maxSessions: 1 });
    const uploads = await Promise.all([1, 2, 3].map(() => createUpload(node, { partCount: 5 })));
    for (const index of partsIn(uploads[0] ?? assert.fail())) {
      await Promise.all(uploads.map((upload) => sendPart(node, upload, index)));
    }
    for (const upload of uploads) await commitUpload(node, upload);
  });
});
