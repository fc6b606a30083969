import { createSHA1 } from 'hash-wasm';

/** Read and hashed at a time: enough to be quick, little enough for a worker on a telephone. */
const PIECE = 2 * 1024 * 1024;

/** The digest of each part and of the whole, out of one read. WebCrypto has no SHA-1 that takes bytes as they come. */
interface TwoDigests {
  /** The SHA-1 in hex of the next bytes. */
  part(bytes: Blob): Promise<string>;
  /** The SHA-1 in hex of all bytes so far. Nothing can be hashed afterwards. */
  whole(): string;
}

export async function twoDigests(): Promise<TwoDigests> {
  const [part, whole] = await Promise.all([createSHA1(), createSHA1()]);
  whole.init();
  return {
    async part(bytes) {
      part.init();
      for (let offset = 0; offset < bytes.size; offset += PIECE) {
        const piece = new Uint8Array(await bytes.slice(offset, offset + PIECE).arrayBuffer());
        part.update(piece);
        whole.update(piece);
      }
      return part.digest('hex');
    },
    whole: () => whole.digest('hex'),
  };
}
