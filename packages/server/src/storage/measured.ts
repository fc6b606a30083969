import { createHash } from 'node:crypto';
import { Refusal } from '@partway/protocol/errors';
import type { Sha1 } from '@partway/protocol/ids';

export interface Measured {
  /** The body, passed on chunk by chunk; throws `file_size_limit_exceeded` rather than pass on a byte too many. */
  bytes: AsyncIterable<Uint8Array>;
  /** What has been passed on so far. */
  result(): { size: number; sha1: Sha1 };
}

/** Counts and hashes a body whose length and digest nobody knows yet, while it goes by. */
export function measured(body: AsyncIterable<Uint8Array>, mostBytes: number): Measured {
  const hash = createHash('sha1');
  let size = 0;

  async function* passOn(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > mostBytes) {
        throw new Refusal('file_size_limit_exceeded', `A file may have ${mostBytes} bytes here; this one has more.`);
      }
      hash.update(chunk);
      yield chunk;
    }
  }
  return { bytes: passOn(), result: () => ({ size, sha1: hash.copy().digest('hex') as Sha1 }) };
}
