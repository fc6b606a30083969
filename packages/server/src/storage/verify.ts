import { createHash } from 'node:crypto';
import { type Sha1, sha1ToBase64 } from '@partway/protocol/ids';
import { StorageError } from './errors.ts';

/**
 * Passes `body` on, chunk by chunk, and lets it end only if it was `length` bytes with this SHA-1: a consumer that sees
 * the end has the right bytes. Otherwise it throws before the end, and a byte beyond `length` is never passed on:
 * `bad_request` for too many or too few bytes, `digest_mismatch` for the wrong ones. What `body` throws passes through.
 *
 * Hashes on the calling thread: at 2 GB/s a core (1.9 measured from here) that costs less than handing chunks to another.
 */
export async function* verifyDigest(
  body: AsyncIterable<Uint8Array>,
  length: number,
  sha1: Sha1,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha1');
  let came = 0;
  for await (const chunk of body) {
    came += chunk.length;
    if (came > length) throw new StorageError('length-mismatch', `${holds(length)}, but at least ${came} came`);
    hash.update(chunk);
    yield chunk;
  }
  if (came < length) throw new StorageError('length-mismatch', `${holds(length)}, but only ${came} came`);
  const found = hash.digest('hex') as Sha1;
  if (found !== sha1) throw new StorageError('digest-mismatch', mismatch(sha1, found));
}

function holds(length: number): string {
  return `The range holds ${length} bytes`;
}

function mismatch(announced: Sha1, found: Sha1): string {
  return `The digest announced is sha=${sha1ToBase64(announced)}, but that of the bytes that came is sha=${sha1ToBase64(found)}`;
}

interface CountedBytes {
  /** The body, passed on chunk by chunk; throws `file_size_limit_exceeded` rather than pass on a byte too many. */
  bytes: AsyncIterable<Uint8Array>;
  /** What has been passed on so far. */
  result(): { size: number; sha1: Sha1 };
}

/** Counts and hashes a body whose length and digest nobody knows yet, while it goes by. */
export function countAndHash(body: AsyncIterable<Uint8Array>, mostBytes: number): CountedBytes {
  const hash = createHash('sha1');
  let size = 0;

  async function* passOn(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > mostBytes) {
        throw new StorageError('file-too-large', `A file may have ${mostBytes} bytes here; this one has more.`);
      }
      hash.update(chunk);
      yield chunk;
    }
  }
  return { bytes: passOn(), result: () => ({ size, sha1: hash.copy().digest('hex') as Sha1 }) };
}
