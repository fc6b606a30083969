import { close, open, read } from 'node:fs';
import { Readable } from 'node:stream';

const READ_BYTES = 512 * 1024;

export interface SpooledBodyOptions {
  /** Of all its bytes, in hex, where the request is to be signed with it. */
  sha256?: string | undefined;
  /** Called whenever more of it is wanted: the sign that what was read before has gone out. */
  onWanted: () => void;
}

/** A spooled file as the body of a request. */
export class SpooledBody extends Readable {
  readonly sha256: string | undefined;
  readonly #path: string;
  readonly #onWanted: () => void;
  #file: number | undefined;

  constructor(path: string, { sha256, onWanted }: SpooledBodyOptions) {
    super({ highWaterMark: READ_BYTES });
    this.#path = path;
    this.sha256 = sha256;
    this.#onWanted = onWanted;
  }

  override _construct(done: (error?: Error | null) => void): void {
    open(this.#path, 'r', (error, file) => {
      this.#file = file;
      done(error);
    });
  }

  override _read(): void {
    this.#onWanted();
    if (this.#file === undefined) return;
    read(this.#file, Buffer.allocUnsafeSlow(READ_BYTES), 0, READ_BYTES, null, (error, length, buffer) => {
      if (error !== null) this.destroy(error);
      else this.push(length === 0 ? null : buffer.subarray(0, length));
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#file === undefined) done(error);
    else close(this.#file, (closing) => done(error ?? closing));
  }
}
