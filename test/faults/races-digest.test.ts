import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';
import { assertOnlyFile, begin, commitOf, published, put, putAll, slotsIn, tryCommit } from '../uploads/acts.ts';
import { openRoom } from '../uploads/room.ts';
import type { Fault } from './faulty.ts';

describe('the digest of the whole', () => {
  for (const call of [1, 2, 3]) {
    it(`that fails once, at part ${call}, begins anew and is right at the commit`, async () => {
      const plan: Fault<BlobStore>[] = [{ method: 'localPart', when: 'before', call, fail: new Error('cannot read') }];
      await using room = await openRoom({ plan });
      const upload = await begin(room);
      await putAll(room, upload);
      await assertOnlyFile(room, upload, await commitOf(room, upload));
      assert.equal(room.troubles.length, 1);
    });
  }

  it('that cannot be made fails the commit, and nothing is lost', async () => {
    const down: Fault<BlobStore> = { method: 'localPart', when: 'before', fail: new Error('cannot read') };
    const plan = [down];
    await using room = await openRoom({ plan });
    const upload = await begin(room);
    await putAll(room, upload);
    await assert.rejects(tryCommit(room, upload), /cannot read/);
    assert.deepEqual(await published(room), []);
    plan.length = 0;
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  it('walks behind the upload: when the last part is in, the rest is done', async () => {
    const located: number[] = [];
    const plan: Fault<BlobStore>[] = [
      { method: 'localPart', when: 'before', hook: (_, slot) => located.push((slot as { index: number }).index) },
    ];
    await using room = await openRoom({ plan });
    const upload = await begin(room, { slots: 5 });
    await putAll(room, upload, [3, 1, 4, 2]);
    assert.deepEqual(located, []);
    await put(room, upload, 0);
    await until(() => located.length === 5);
    assert.deepEqual(located, [0, 1, 2, 3, 4]);
    await commitOf(room, upload);
    assert.equal(located.length, 5);
  });

  it('is "later" where the commit has no more patience, and the next commit has it', async () => {
    const gate = Promise.withResolvers<void>();
    const plan: Fault<BlobStore>[] = [{ method: 'localPart', when: 'before', delay: gate.promise }];
    await using room = await openRoom({ plan });
    const upload = await begin(room);
    await putAll(room, upload);
    assert.equal(await tryCommit(room, upload, { timeout: 5 }), undefined);
    assert.deepEqual(await published(room), []);
    gate.resolve();
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  it('is right for uploads one after the other and in turns, though only one is remembered', async () => {
    await using room = await openRoom({ maxSessions: 1 });
    const uploads = [await begin(room, { slots: 6 }), await begin(room, { slots: 6 }), await begin(room, { slots: 6 })];
    for (let index = 0; index < 6; index++) for (const upload of uploads) await put(room, upload, index);
    for (const upload of uploads) await commitOf(room, upload);
    const files = (await published(room)).map(({ bytes }) => bytes);
    for (const { bytes } of uploads) assert.ok(files.some((file) => file.equals(bytes)));
  });

  it('is right for uploads side by side, though only one is remembered', async () => {
    await using room = await openRoom({ maxSessions: 1 });
    const uploads = await Promise.all([1, 2, 3].map(() => begin(room, { slots: 6 })));
    await Promise.all(
      uploads.map(async (upload) => {
        await Promise.all(slotsIn(upload).map((index) => put(room, upload, index)));
        await commitOf(room, upload);
      }),
    );
    const files = (await published(room)).map(({ bytes }) => bytes);
    for (const { bytes } of uploads) assert.ok(files.some((file) => file.equals(bytes)));
  });
});

describe('after a restart', () => {
  // What S3 has of an upload cannot be read back before it is whole: lone-node.test.ts says what happens there.
  it('a whole upload is caught up with before anybody asks, and committed', {
    skip: bytesNotOnDisk ?? false,
  }, async () => {
    await using first = await openRoom();
    const uploads = [await begin(first), await begin(first)];
    for (const upload of uploads) await putAll(first, upload);
    let located = 0;
    const plan: Fault<BlobStore>[] = [{ method: 'localPart', when: 'before', hook: () => located++ }];
    await using room = await first.restarted({ plan });
    await room.uploads.hasher.resume();
    assert.equal(located, 6);
    for (const upload of uploads) await commitOf(room, upload);
    assert.equal(located, 6);
    assert.equal((await published(room)).length, 2);
  });

  it('a commit that comes while the server is catching up makes the file', async () => {
    await using first = await openRoom();
    const upload = await begin(first, { slots: 20 });
    await putAll(first, upload);
    await using room = await first.restarted();
    const [file] = await Promise.all([commitOf(room, upload), room.uploads.hasher.resume()]);
    await assertOnlyFile(room, upload, file);
    assert.deepEqual(room.troubles, []);
  });

  it('an upload goes on where it stood, and is committed', async () => {
    await using first = await openRoom();
    const upload = await begin(first, { slots: 6 });
    await putAll(first, upload, [0, 4, 2]);
    await using room = await first.restarted();
    const catchingUp = room.uploads.hasher.resume();
    await putAll(room, upload, [1, 2, 5, 3]);
    await assertOnlyFile(room, upload, await commitOf(room, upload));
    await catchingUp;
  });
});
