import { createSHA1 } from 'hash-wasm';

/** Read and hashed at a time: large enough to be fast, small enough for a worker on a phone. */
const CHUNK_BYTES = 2 * 1024 * 1024;

/** Computes the digests of each part and of the file in one pass. WebCrypto cannot hash incrementally. */
interface TwoDigests {
  /** The SHA-1 in hex of the next bytes. */
  hashPart(bytes: Blob): Promise<string>;
  /** The SHA-1 in hex of all bytes so far. No further calls are possible. */
  finish(): string;
}

export async function createTwoDigests(): Promise<TwoDigests> {
  const [part, file] = await Promise.all([createSHA1(), createSHA1()]);
  file.init();
  return {
    async hashPart(bytes) {
      part.init();
      for (let offset = 0; offset < bytes.size; offset += CHUNK_BYTES) {
        const chunk = new Uint8Array(await bytes.slice(offset, offset + CHUNK_BYTES).arrayBuffer());
        part.update(chunk);
        file.update(chunk);
      }
      return part.digest('hex');
    },
    finish: () => file.digest('hex'),
  };
}
