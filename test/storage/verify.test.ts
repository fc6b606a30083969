import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Sha1 } from '../../packages/protocol/src/ids.ts';
import { countAndHash, verifyDigest } from '../../packages/server/src/storage/verify.ts';

const bytes = new Uint8Array(randomBytes(10_000));
const right = sha1(bytes);

describe('a verified body', () => {
  it('passes the bytes on as they arrive', async () => {
    assert.deepEqual(await read(verifyDigest(inChunks(bytes, 999), bytes.length, right)), { bytes, error: undefined });
  });

  it('of no bytes ends immediately', async () => {
    const nothing = new Uint8Array();
    const { bytes: passed, error } = await read(verifyDigest(inChunks(nothing, 1), 0, sha1(nothing)));
    assert.equal(passed.length, 0);
    assert.equal(error, undefined);
  });

  it('throws at the first excess byte and passes on none of them', async () => {
    let pulled = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        pulled += 1;
        yield new Uint8Array(1_000);
      }
    }
    const { bytes: passed, error } = await read(verifyDigest(endless(), 2_500, right));
    assert.ok(passed.length <= 2_500);
    assert.equal(pulled, 3);
    assert.equal(error?.code, 'length-mismatch');
    assert.match(error?.message ?? '', /2500 bytes.*at least 3000 were received/);
  });

  it('throws before its end if bytes are missing, with the number that arrived', async () => {
    const { error } = await read(verifyDigest(inChunks(bytes, 999), bytes.length + 1, right));
    assert.equal(error?.code, 'length-mismatch');
    assert.match(error?.message ?? '', /10001 bytes.*only 10000 were received/);
  });

  it('throws before its end if one bit is wrong, with both digests in the form of the header', async () => {
    const flipped = bytes.slice();
    flipped[5_000] = (flipped[5_000] ?? 0) ^ 1;
    const { error } = await read(verifyDigest(inChunks(flipped, 999), bytes.length, right));
    assert.equal(error?.code, 'digest-mismatch');
    for (const digest of [right, sha1(flipped)]) {
      assert.ok(error?.message.includes(`sha=${Buffer.from(digest, 'hex').toString('base64')}`));
    }
  });

  it('of no bytes with another digest is rejected', async () => {
    const { error } = await read(verifyDigest(inChunks(new Uint8Array(), 1), 0, right));
    assert.equal(error?.code, 'digest-mismatch');
  });

  it('throws the errors of the body', async () => {
    const cut = new Error('the line was cut');
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield bytes;
      throw cut;
    }
    const { error } = await read(verifyDigest(broken(), bytes.length, right));
    assert.equal(error, cut);
  });

  it('closes the body when its reader stops early', async () => {
    let released = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield bytes;
      } finally {
        released = true;
      }
    }
    for await (const _ of verifyDigest(body(), 1_000_000, right)) break;
    assert.ok(released);
  });
});

describe('a body of unknown length', () => {
  it('is counted and hashed while it is passed on', async () => {
    const counted = countAndHash(inChunks(bytes, 999), bytes.length);
    assert.deepEqual(counted.result(), { size: 0, sha1: sha1(new Uint8Array()) });
    assert.deepEqual(await read(counted.bytes), { bytes, error: undefined });
    assert.deepEqual(counted.result(), { size: bytes.length, sha1: right });
    assert.deepEqual(counted.result(), { size: bytes.length, sha1: right });
  });

  it('fails before the first excess byte is passed on', async () => {
    const { bytes: passed, error } = await read(countAndHash(inChunks(bytes, 1_000), bytes.length - 1).bytes);
    assert.equal(passed.length, 9_000);
    assert.equal(error?.code, 'file-too-large');
  });
});

function sha1(of: Uint8Array): Sha1 {
  return createHash('sha1').update(of).digest('hex') as Sha1;
}

async function* inChunks(of: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < of.length; at += size) yield of.subarray(at, at + size);
}

async function read(body: AsyncIterable<Uint8Array>) {
  const chunks: Uint8Array[] = [];
  let error: (Error & { code?: string }) | undefined;
  try {
    for await (const chunk of body) chunks.push(chunk);
  } catch (caught) {
    assert.ok(caught instanceof Error);
    error = caught;
  }
  return { bytes: new Uint8Array(Buffer.concat(chunks)), error };
}
