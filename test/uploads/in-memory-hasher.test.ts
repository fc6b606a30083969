import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Kysely } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { openCryptoHashPool } from '../../packages/server/src/hash-workers/crypto-pool.ts';
import type { FileHashPool } from '../../packages/server/src/hash-workers/file-hash-pool.ts';
import type { BlobStore, PartRange, StagedBlob } from '../../packages/server/src/storage/blob-store.ts';
import { InMemoryHasher } from '../../packages/server/src/uploads/hashing/in-memory.ts';
import { type Fault, faulty } from '../faults/faulty.ts';
import { errorWithCode } from '../files/files-fixture.ts';
import { noNative } from '../support/native.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';
import { createSlowBody, type SlowBody } from './bodies.ts';
import { openUploadFixture, type UploadFixture, type UploadFixtureOptions } from './upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  partBytes,
  sendAllParts,
  sendPart,
  sha1,
  tryCommit,
  type Upload,
} from './upload-steps.ts';
import { watchQueries } from './watch-queries.ts';

/** Records which parts are read for hashing and which are dropped. `beforeRead` can fail a read or make it wait. */
function watchReads() {
  const reads: { blob: string; index: number }[] = [];
  const drops: { blob: string; index: number }[] = [];
  const watch = {
    beforeRead: (_upload: { blob: string; index: number }): unknown => undefined,
    of: (list: typeof reads, { session }: Upload) =>
      list.filter(({ blob }) => blob === String(session.staged.blob)).map(({ index }) => index),
  };
  const plan: NonNullable<UploadFixtureOptions['plan']> = [
    {
      method: 'localPart',
      when: 'before',
      hook: (staged, range) => {
        const read = { blob: String((staged as StagedBlob).blob), index: (range as PartRange).index };
        reads.push(read);
        return watch.beforeRead(read);
      },
    },
    {
      method: 'dropLocalPart',
      when: 'before',
      hook: (staged, range) =>
        drops.push({ blob: String((staged as StagedBlob).blob), index: (range as PartRange).index }),
    },
  ];
  return Object.assign(watch, { plan, reads, drops });
}

/** Replaces the hasher by one with a pool of its own, which is returned. */
function useHasher(
  { uploads, errors }: UploadFixture,
  t: TestContext,
  { db = uploads.db, plan = [] }: { db?: Kysely<Tables>; plan?: Fault<FileHashPool>[] } = {},
): FileHashPool {
  const digests = faulty(openCryptoHashPool({ workers: 1 }), plan);
  t.after(() => digests.close());
  const onError = (_session: unknown, error: unknown) => errors.push(error);
  uploads.hasher = new InMemoryHasher({ db, blobs: uploads.blobs, digests, maxSessions: 100, onError });
  return digests;
}

describe('the whole-file hasher of a single node', { skip: bytesNotOnDisk, timeout: 120_000 }, () => {
  it('reads each part once, in the order of the file, as soon as the parts before it are stored', async () => {
    const watch = watchReads();
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan });
    const upload = await createUpload(fixture, { partCount: 4 });
    await sendAllParts(fixture, upload, [3, 1, 0]);
    await until(() => watch.drops.length === 2);
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1]);
    await sendPart(fixture, upload, 2);
    await until(() => watch.drops.length === 4);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 2, 3]);
    assert.deepEqual(watch.of(watch.drops, upload), [0, 1, 2, 3]);
    assert.deepEqual(fixture.errors, []);
  });

  it('hashes the stored parts of all open sessions after a restart, and reads nothing again at their commits', async () => {
    const first = await openUploadFixture({ native: undefined });
    const uploads = [await createUpload(first), await createUpload(first), await createUpload(first)];
    for (const upload of uploads) await sendAllParts(first, upload);
    const watch = watchReads();
    await using fixture = await first.restart({ native: undefined, plan: watch.plan });
    await fixture.uploads.hasher.resume();
    for (const upload of uploads) assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 2]);
    for (const upload of uploads) await commitUpload(fixture, upload);
    assert.equal(watch.reads.length, 9);
  });

  it('hashes the parts from before a restart when the next part arrives', async () => {
    const first = await openUploadFixture({ native: undefined });
    const upload = await createUpload(first);
    await sendAllParts(first, upload, [0, 1]);
    const watch = watchReads();
    await using fixture = await first.restart({ native: undefined, plan: watch.plan });
    await sendPart(fixture, upload, 2);
    await until(() => watch.drops.length === 3);
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 2]);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('reports each failure, and starts from the first part at the commit', async () => {
    const watch = watchReads();
    const broken = new Error('the disk is broken');
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan });
    const upload = await createUpload(fixture);
    watch.beforeRead = ({ index }) => {
      if (index === 1) throw broken;
    };
    await sendAllParts(fixture, upload, [0, 1]);
    await until(() => fixture.errors.length > 0);
    watch.beforeRead = () => undefined;
    await sendPart(fixture, upload, 2);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.ok(fixture.errors.every((error) => error === broken));
  });

  for (const failures of [1, 2, 3]) {
    it(`${failures < 3 ? 'repeats' : 'fails'} a commit whose hash failed ${failures} times in a row`, async () => {
      const watch = watchReads();
      const broken = new Error('the disk is broken');
      await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan });
      const upload = await createUpload(fixture, { partCount: 1 });
      watch.beforeRead = () => {
        throw broken;
      };
      await sendAllParts(fixture, upload);
      await until(() => fixture.errors.length === 1);
      let tries = 0;
      watch.beforeRead = () => {
        tries += 1;
        if (tries <= failures) throw broken;
      };
      if (failures === 3) {
        await assert.rejects(tryCommit(fixture, upload), (error) => error === broken);
        assert.equal(tries, 3);
      }
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
      assert.deepEqual([tries, fixture.errors.length], [failures + 1, failures + 1]);
    });
  }

  it('continues after a commit has timed out, and reads nothing twice', async () => {
    const watch = watchReads();
    const held = Promise.withResolvers<void>();
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan });
    const upload = await createUpload(fixture);
    watch.beforeRead = () => held.promise;
    await sendAllParts(fixture, upload);
    assert.equal(await tryCommit(fixture, upload, { timeout: 10 }), undefined);
    held.resolve();
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 2]);
  });

  it('keeps a hash that a commit waits for, even beyond its limit', async () => {
    const watch = watchReads();
    const held = Promise.withResolvers<void>();
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan, maxSessions: 1 });
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload, [0, 1]);
    await until(() => watch.drops.length === 2);
    watch.beforeRead = ({ blob }) => (blob === String(upload.session.staged.blob) ? held.promise : undefined);
    await sendPart(fixture, upload, 2);
    const committing = commitUpload(fixture, upload);
    // Other sessions are hashed while the commit waits.
    for (let n = 0; n < 3; n += 1) await sendAllParts(fixture, await createUpload(fixture, { partCount: 1 }));
    await until(() => watch.drops.length === 5);
    held.resolve();
    await assertOnlyFile(fixture, upload, await committing);
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 2]);
  });

  it('keeps a hash that a second commit waits for, even beyond its limit', async () => {
    const watch = watchReads();
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan, maxSessions: 1 });
    const { hasher } = fixture.uploads;
    const other = await createUpload(fixture, { partCount: 1 });
    await sendAllParts(fixture, other);
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const finish = () => hasher.finish(upload.session, [], 60_000);
    assert.deepEqual(await finish(), { sha1: sha1(upload.bytes) });
    const waiting = finish();
    hasher.partStored(other.session, 0);
    assert.deepEqual(await waiting, { sha1: sha1(upload.bytes) });
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 2]);
  });

  it('starts again at the commit if the hash was lost after the last part', async (t) => {
    const watch = watchReads();
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan });
    const digests = useHasher(fixture, t);
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    await until(() => watch.drops.length === 3);
    digests.forget(upload.session.id);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 2, 0, 1, 2]);
    assert.deepEqual(fixture.errors, []);
  });

  it('starts again at the next part after a failure that lost the hash, and reports it once', async (t) => {
    const watch = watchReads();
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan });
    const broken = new Error('the thread ended');
    const forget = (key: unknown) => digests.forget(String(key));
    const digests = useHasher(fixture, t, {
      plan: [{ method: 'extend', when: 'before', call: 2, hook: forget, fail: broken }],
    });
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload, [0, 1]);
    await until(() => fixture.errors.length > 0);
    await sendPart(fixture, upload, 2);
    await until(() => watch.drops.length === 4);
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 0, 1, 2]);
    assert.deepEqual(fixture.errors, [broken]);
  });

  it('reports if the stored parts cannot be listed, and continues with the next part', async (t) => {
    const watch = watchReads();
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan });
    const away = new Error('the database is away');
    let isAway = true;
    const db = watchQueries(fixture.uploads.db, {
      before: (query) => {
        if (query === 'select parts' && isAway) throw away;
      },
    });
    useHasher(fixture, t, { db });
    const upload = await createUpload(fixture);
    await sendPart(fixture, upload, 0);
    await until(() => fixture.errors.length > 0);
    assert.deepEqual(fixture.errors, [away]);
    isAway = false;
    await sendPart(fixture, upload, 1);
    await until(() => watch.drops.length === 2);
    assert.deepEqual(watch.of(watch.drops, upload), [0, 1]);
  });

  it('leaves the hash alone after a session was dropped and began again while a part was located', async () => {
    const watch = watchReads();
    const held = Promise.withResolvers<void>();
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan });
    const upload = await createUpload(fixture);
    watch.beforeRead = ({ index }) => (index === 1 ? held.promise : undefined);
    await sendAllParts(fixture, upload, [0, 1]);
    await until(() => watch.reads.length === 2);
    watch.beforeRead = () => undefined;
    fixture.uploads.hasher.forget(upload.session.id);
    await sendPart(fixture, upload, 2);
    await until(() => watch.drops.length === 4);
    held.resolve();
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 0, 1, 2]);
    assert.deepEqual(fixture.errors, []);
  });

  it('drops the least recently used hash beyond its limit, once no commit waits for it', async () => {
    const watch = watchReads();
    await using fixture = await openUploadFixture({ native: undefined, plan: watch.plan, maxSessions: 1 });
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    await assert.rejects(
      tryCommit(fixture, upload, { sha1: sha1(Buffer.from('x')) }),
      errorWithCode('digest-mismatch'),
    );
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 2]);
    await sendAllParts(fixture, await createUpload(fixture, { partCount: 1 }));
    await until(() => watch.drops.length === 4);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.deepEqual(watch.of(watch.reads, upload), [0, 1, 2, 0, 1, 2]);
  });

  it('reads no part again that was hashed for the file while it was stored', { skip: noNative }, async () => {
    const watch = watchReads();
    await using fixture = await openUploadFixture({ plan: watch.plan });
    const upload = await createUpload(fixture, { partCount: 5 });
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.deepEqual(watch.reads, []);
  });

  for (const order of [
    [2, 1, 0],
    [0, 1, 2],
    [1, 2, 0],
  ]) {
    it(`hashes parts that arrive together and end in the order ${order}`, { skip: noNative }, async () => {
      await using fixture = await openUploadFixture();
      const upload = await createUpload(fixture);
      const bodies = [createSlowBody(), createSlowBody(), createSlowBody()] as const;
      const sending = bodies.map((body, index) => sendPart(fixture, upload, index, { body }));
      for (const index of order) {
        const body = bodies[index] as SlowBody;
        body.send(partBytes(upload, index));
        body.end();
      }
      await Promise.all(sending);
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
      assert.deepEqual(fixture.errors, []);
    });
  }

  it('forgets the bytes of a part that were hashed for the file, but not stored', { skip: noNative }, async () => {
    const plan: Fault<BlobStore>[] = [];
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture);
    await sendPart(fixture, upload, 0);
    const broken = new Error('the disk is broken');
    plan.push({ method: 'writePart', when: 'after', fail: broken });
    const other = Buffer.alloc(partBytes(upload, 1).length, 7);
    await assert.rejects(sendPart(fixture, upload, 1, { bytes: other }), (error) => error === broken);
    plan.length = 0;
    await sendAllParts(fixture, upload, [1, 2]);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.deepEqual(fixture.errors, []);
  });

  it('hashes a part again if its row could not be written', { skip: noNative }, async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    const { registry } = fixture.uploads;
    const broken = new Error('the database is broken');
    fixture.uploads.registry = faulty(registry, [{ method: 'recordPart', when: 'before', call: 1, fail: broken }]);
    const other = Buffer.alloc(partBytes(upload, 0).length, 7);
    await assert.rejects(sendPart(fixture, upload, 0, { bytes: other }), (error) => error === broken);
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });
});
