import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import { S3Keys } from '../../packages/server/src/storage/s3/keys.ts';
import { randomBlobId } from '../conformance/blob-samples.ts';

test('a blob has its key below the prefix, or in the root of the bucket, and no other key', () => {
  const id = randomBlobId();
  for (const [prefix, key, owner] of [
    ['a/b', `a/b/blobs/${id}`, 'a/b/database-id'],
    ['', `blobs/${id}`, 'database-id'],
  ] as const) {
    const keys = new S3Keys(prefix);
    assert.equal(keys.blobKey(id), key);
    assert.equal(keys.owner, owner);
    assert.equal(keys.parseBlobKey(key), id);
    for (const other of [`x${key}`, `${key}0`, key.slice(0, -1), `${keys.blobs}sub/${id}`, `x`.repeat(key.length)]) {
      assert.equal(keys.parseBlobKey(other), undefined, other);
    }
    assert.equal(keys.parseBlobKey(`${'x'.repeat(keys.blobs.length)}${id}`), undefined);
  }
});

test('no key is created for an invalid blob ID', () => {
  const keys = new S3Keys('a');
  for (const id of ['../../x', 'A'.repeat(32), `${'a'.repeat(32)}\n`, '']) {
    assert.throws(() => keys.blobKey(id as BlobId), TypeError);
  }
});
