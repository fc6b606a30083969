import { once } from 'node:events';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Checksum } from '../s3/checksums.ts';
import type { SpoolReservation } from './spool-space.ts';

/** Two of these are in use for each body: one is sent while the other is filled. */
const BUFFER_BYTES = 256 * 1024;

interface SpooledBodyOptions {
  /** Of all its bytes, in hex, where the request is to be signed with it. */
  sha256?: string | undefined;
  /** Called whenever a piece of it has gone out. */
  onSent: () => void;
}

/**
 * A spooled file as the body of a request. The SDK does one thing with a body that is a stream: it pipes it into the
 * request; so that is all this one can do. It sends from two buffers in turn, where an ordinary stream makes one for each
 * piece: measured, what it leaves to the garbage collector is a quarter of all the CPU time of an upload.
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
    this.destroy(new Error('a spooled body can only be piped'));
  }

  async #send(request: NodeJS.WritableStream): Promise<void> {
    // A request that is given up may never say what became of its last write.
    const givenUp = once(this, 'close');
    givenUp.catch(() => {});
    const file = await open(this.#path, 'r');
    try {
      await Promise.race([this.#sendFrom(file, request), givenUp]);
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
      // It is awaited a turn later.
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

/** A body that lies in the spool. Whoever holds it removes it, or gives it to the spool to keep. */
export class SpooledFile {
  readonly path: string;
  readonly #reservation: SpoolReservation;
  #removed: Promise<void> | undefined;

  constructor(path: string, hold: SpoolReservation) {
    this.path = path;
    this.#reservation = hold;
  }

  /** The store has its bytes: it is kept only as long as nobody needs its room. */
  markCached(): void {
    this.#reservation.markCached();
  }

  /** Idempotent. The room is given back even if the file cannot be removed, which the next start puts right. */
  remove(): Promise<void> {
    this.#removed ??= rm(this.path, { force: true })
      .catch(() => {})
      .finally(() => this.#reservation.release());
    return this.#removed;
  }
}

/** A body in the spool, with that by which S3 sees whether it has come over whole. */
export interface VerifiedFile {
  file: SpooledFile;
  length: number;
  checksum: Checksum;
}
