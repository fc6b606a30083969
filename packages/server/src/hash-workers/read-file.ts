import { closeSync, openSync, readSync } from 'node:fs';
import type { LocalPart } from '../storage/blob-store.ts';

/** Measured: 3 to 5 % less CPU than 256 KiB, 8 % less than 64 KiB. */
const BUFFER_BYTES = 1024 * 1024;

const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

/**
 * Reads local bytes piece by piece, blocking: for worker threads. A piece is good until the next one is read. Throws
 * the system's error, or "ended early" where the file does not yield all of them.
 */
export function readFileChunks({ path, offset, length }: LocalPart, take: (piece: Uint8Array) => void): void {
  const file = openSync(path, 'r');
  try {
    let done = 0;
    while (done < length) {
      const got = readSync(file, buffer, 0, Math.min(BUFFER_BYTES, length - done), offset + done);
      if (got === 0) throw new Error(`${path} ended early: at byte ${offset + done} of ${offset + length}`);
      take(buffer.subarray(0, got));
      done += got;
    }
  } finally {
    closeSync(file);
  }
}
