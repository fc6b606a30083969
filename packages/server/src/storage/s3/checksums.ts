import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** How S3 verifies the bytes of a part: by a CRC-32 that it stores, or by a signed SHA-256, which costs more CPU time. */
export type ChecksumKind = 'sha256' | 'crc32';

/** `sha256` is in hex, as in the signature; `crc32` is in base64, as in `x-amz-checksum-crc32`. */
export type Checksum = { sha256: string } | { crc32: string };

/** Computes the checksum of a body while it is read. */
export class PartChecksum {
  readonly #hash: { update(chunk: Uint8Array): unknown; checksum(): Checksum };

  constructor(kind: ChecksumKind) {
    this.#hash = kind === 'sha256' ? createSha256() : createCrc32();
  }

  async *update(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      // Before the consumer gets the chunk, because it then owns the memory.
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  /** Returns the checksum of all bytes. Can be called only once. */
  result(): Checksum {
    return this.#hash.checksum();
  }
}

function createSha256() {
  const hash = createHash('sha256');
  return {
    update: (chunk: Uint8Array) => hash.update(chunk),
    checksum: () => ({ sha256: hash.digest('hex') }),
  };
}

function createCrc32() {
  let sum = 0;
  return {
    update(chunk: Uint8Array) {
      sum = crc32(chunk, sum);
    },
    checksum() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(sum);
      return { crc32: bytes.toString('base64') };
    },
  };
}
