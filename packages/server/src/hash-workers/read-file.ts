import { closeSync, openSync, readSync } from 'node:fs';
import type { LocalPart } from '../storage/blob-store.ts';

/** Measured: 3 to 5% less CPU time than with 256 KiB, 8% less than with 64 KiB. */
const BUFFER_BYTES = 1024 * 1024;

const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

/**
 * Reads a range of a file in chunks. Blocks, so it is for worker threads only. A chunk is valid only during its call of
 * `onChunk`. Throws the system's error, or "ended early" if the file does not have all the bytes.
 */
export function readFileChunks({ path, offset, length }: LocalPart, onChunk: (chunk: Uint8Array) => void): void {
  const file = openSync(path, 'r');
  try {
    let done = 0;
    while (done < length) {
      const bytesRead = readSync(file, buffer, 0, Math.min(BUFFER_BYTES, length - done), offset + done);
      if (bytesRead === 0) throw new Error(`${path} ended early: at byte ${offset + done} of ${offset + length}`);
      onChunk(buffer.subarray(0, bytesRead));
      done += bytesRead;
    }
  } finally {
    closeSync(file);
  }
}
