import { once } from 'node:events';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Checksum } from '../s3/checksums.ts';
import type { SpoolReservation } from './spool-space.ts';

/** The size of each of two buffers per body: one is sent while the other is filled. */
const BUFFER_BYTES = 256 * 1024;

interface SpooledBodyOptions {
  /** The SHA-256 of the body in hex, if it is to be part of the request's signature. */
  sha256?: string | undefined;
  /** Called whenever some of the body has been sent. */
  onSent: () => void;
}

/**
 * A spooled file as the body of a request. It can only be piped, because that is all that the SDK does with streams. It
 * sends from two buffers in turn. An ordinary stream allocates a buffer for each chunk, whose garbage collection took a
 * quarter of the CPU time of an upload when measured.
 */
export class SpooledBody extends Readable {
  readonly sha256: string | undefined;
  readonly #path: string;
  readonly #onSent: () => void;

  constructor(path: string, { sha256, onSent }: SpooledBodyOptions) {
    super();
    this.#path = path;
    this.sha256 = sha256;
    this.#onSent = onSent;
  }

  override pipe<T extends NodeJS.WritableStream>(request: T): T {
    this.#send(request).catch((error: Error) => this.destroy(error));
    return request;
  }

  override _read(): void {
    this.destroy(new Error('A spooled body can only be piped.'));
  }

  async #send(request: NodeJS.WritableStream): Promise<void> {
    // An aborted request might never report the result of its last write.
    const closed = once(this, 'close');
    closed.catch(() => {});
    const file = await open(this.#path, 'r');
    try {
      await Promise.race([this.#sendFrom(file, request), closed]);
    } finally {
      await file.close();
    }
  }

  async #sendFrom(file: FileHandle, request: NodeJS.WritableStream): Promise<void> {
    let [filling, sending] = [Buffer.allocUnsafeSlow(BUFFER_BYTES), Buffer.allocUnsafeSlow(BUFFER_BYTES)];
    let sent: Promise<void> | undefined;
    for (;;) {
      const { bytesRead } = await file.read(filling, 0, BUFFER_BYTES, null);
      await sent;
      if (this.destroyed) return;
      if (bytesRead === 0) break;
      [filling, sending] = [sending, filling];
      sent = write(request, sending.subarray(0, bytesRead)).then(this.#onSent);
      // It is awaited in the next iteration.
      sent.catch(() => {});
    }
    request.end();
  }
}

function write(request: NodeJS.WritableStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    request.write(bytes, (error?: Error | null) => (error ? reject(error) : resolve()));
  });
}

/** A file in the spool. Its owner removes it, or passes it to the spool's cache. */
export class SpooledFile {
  readonly path: string;
  readonly #reservation: SpoolReservation;
  #removed: Promise<void> | undefined;

  constructor(path: string, reservation: SpoolReservation) {
    this.path = path;
    this.#reservation = reservation;
  }

  /** Call this when the store has the bytes: the file is now only cached, until its space is needed. */
  markCached(): void {
    this.#reservation.markCached();
  }

  /** Idempotent. Releases the space even if the file cannot be removed; the next start removes it. */
  remove(): Promise<void> {
    this.#removed ??= rm(this.path)
      .catch(() => {})
      .finally(() => this.#reservation.release());
    return this.#removed;
  }
}

/** A file in the spool with the checksum by which S3 verifies it. */
export interface VerifiedFile {
  file: SpooledFile;
  length: number;
  checksum: Checksum;
}
