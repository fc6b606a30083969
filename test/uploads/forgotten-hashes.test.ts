import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Native } from '../../packages/native/src/native.ts';
import { openResumableHashPool } from '../../packages/server/src/hash-workers/resumable-pool.ts';
import type { BlobStore, FileHash, PartRange } from '../../packages/server/src/storage/blob-store.ts';
import { DistributedHasher } from '../../packages/server/src/uploads/hashing/distributed.ts';
import type { NodeMessages } from '../../packages/server/src/uploads/hashing/node-messages.ts';
import { partRange } from '../../packages/server/src/uploads/part-layout.ts';
import type { Fault } from '../faults/faulty.ts';
import { noNative, testNative } from '../support/native.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';
import { openLoneNode } from './nodes.ts';
import { openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import {
  assertOnlyFile,
  commitUpload,
  createUpload,
  partBytes,
  sendAllParts,
  sendPart,
  type Upload,
} from './upload-steps.ts';
import { watchQueries } from './watch-queries.ts';

const skip = bytesNotOnDisk ?? noNative;

describe('the hash of a file to which an arriving part is added', { skip, timeout: 120_000 }, () => {
  const native = testNative as Native;

  /** Opens the turn of a part, as the request for it does. */
  function openTurn({ uploads }: UploadFixture, { session }: Upload, index: number) {
    const turn = uploads.hasher.openTurn(session, partRange(session.staged.layout, index));
    assert.ok(turn);
    return turn;
  }

  it('is not given to the part while the parts before it are still being read', async () => {
    const dropped = Promise.withResolvers<void>();
    let isDropping = false;
    const hook = () => {
      isDropping = true;
      return dropped.promise;
    };
    await using fixture = await openUploadFixture({ plan: [{ method: 'dropLocalPart', when: 'before', hook }] });
    const upload = await createUpload(fixture);
    await sendPart(fixture, upload, 0);
    // The part is read again after its session was forgotten.
    fixture.uploads.hasher.forget(upload.session.id);
    fixture.uploads.hasher.partStored(upload.session, 0);
    await until(() => isDropping);
    const turn = openTurn(fixture, upload, 1);
    assert.equal(turn.begin(), 'later');
    dropped.resolve();
    await until(() => turn.begin() !== 'later');
    turn.close();
    await sendAllParts(fixture, upload, [1, 2]);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('is not given to the part, nor replaced by it, after the session was forgotten', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    const turn = openTurn(fixture, upload, 0);
    const hash = turn.begin() as FileHash;
    await native.hash(hash, [partBytes(upload, 0)]);
    fixture.uploads.hasher.forget(upload.session.id);
    assert.equal(turn.begin(), 'later');
    turn.done(hash);
    turn.close();
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.deepEqual(fixture.errors, []);
  });

  it('is not replaced by a part that is being read at the same time', async () => {
    const located = Promise.withResolvers<void>();
    let isLocating = false;
    const plan: Fault<BlobStore>[] = [
      {
        method: 'localPart',
        when: 'before',
        async hook(_staged, range) {
          if ((range as PartRange).index !== 1) return;
          isLocating = true;
          await located.promise;
        },
      },
    ];
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture);
    await sendPart(fixture, upload, 0);
    const turn = openTurn(fixture, upload, 1);
    const hash = turn.begin() as FileHash;
    await native.hash(hash, [partBytes(upload, 1)]);
    const { staged } = upload.session;
    await fixture.uploads.blobs.writePart(staged, partRange(staged.layout, 1), bodyOf(partBytes(upload, 1)));
    fixture.uploads.hasher.partStored(upload.session, 1);
    await until(() => isLocating);
    turn.done(hash);
    located.resolve();
    turn.close();
    await sendAllParts(fixture, upload, [1, 2]);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    assert.deepEqual(fixture.errors, []);
  });
});

describe('a node that has forgotten an upload', () => {
  it('does not look it up again when it may have missed messages', async (t) => {
    const queries: string[] = [];
    await using node = await openLoneNode();
    const db = watchQueries(node.uploads.db, { before: (query) => queries.push(query) });
    const digests = openResumableHashPool({ workers: 1 });
    t.after(() => digests.close());
    let reconnect = (): void => {};
    const messages = {
      subscribe(_node: unknown, _onMessage: unknown, onReconnect: () => void) {
        reconnect = onReconnect;
        return () => {};
      },
    } as unknown as NodeMessages;
    const hasher = new DistributedHasher({
      ...{ db, blobs: node.uploads.blobs, digests, node: node.id, messages, maxSessions: 10 },
      now: () => node.clock.now(),
      onError: (_session, error) => assert.fail(error as Error),
    });
    const upload = await createUpload(node);
    // The part after the next one, so that it stays to be hashed.
    hasher.partStored(upload.session, 1);
    await until(() => queries.length > 0);
    await lookUp();
    assert.deepEqual(queries.splice(0), ['select upload_sessions']);
    hasher.forget(upload.session.id);
    await lookUp();
    assert.deepEqual(queries, []);

    async function lookUp(): Promise<void> {
      queries.length = 0;
      reconnect();
      for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
    }
  });
});

async function* bodyOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield Uint8Array.from(bytes);
}
