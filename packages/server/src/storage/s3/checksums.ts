import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** By what S3 proves that it has the bytes that were sent: what it knows decides, and what that costs. */
export type ChecksumKind = 'sha256' | 'crc32';

/** `sha256` in hex, as the signature takes it; `crc32` in base64, as `x-amz-checksum-crc32` does. */
export type Checksum = { sha256: string } | { crc32: string };

/** Computes the proof of a body while it goes by. */
export class PartChecksum {
  readonly #hash: { update(chunk: Uint8Array): unknown; proof(): Checksum };

  constructor(kind: ChecksumKind) {
    this.#hash = kind === 'sha256' ? createSha256() : createCrc32();
  }

  async *update(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      // Before the chunk goes on: its memory is the next one's from then on.
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  /** Of all that went by; once. */
  result(): Checksum {
    return this.#hash.proof();
  }
}

function createSha256() {
  const hash = createHash('sha256');
  return {
    update: (chunk: Uint8Array) => hash.update(chunk),
    proof: () => ({ sha256: hash.digest('hex') }),
  };
}

function createCrc32() {
  let sum = 0;
  return {
    update(chunk: Uint8Array) {
      sum = crc32(chunk, sum);
    },
    proof() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(sum);
      return { crc32: bytes.toString('base64') };
    },
  };
}
