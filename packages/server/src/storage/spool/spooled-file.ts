import { rm } from 'node:fs/promises';
import type { Proof } from '../s3/checksums.ts';
import type { Hold } from './spool-space.ts';

/** A body that lies in the spool. Whoever holds it removes it, or gives it to the spool to keep. */
export class SpooledFile {
  readonly path: string;
  readonly #hold: Hold;
  #removed: Promise<void> | undefined;

  constructor(path: string, hold: Hold) {
    this.path = path;
    this.#hold = hold;
  }

  /** The store has its bytes: it is kept only as long as nobody needs its room. */
  free(): void {
    this.#hold.free();
  }

  /** Idempotent. The room is given back even if the file cannot be removed, which the next start puts right. */
  remove(): Promise<void> {
    this.#removed ??= rm(this.path, { force: true })
      .catch(() => {})
      .finally(() => this.#hold.give());
    return this.#removed;
  }
}

/** A body in the spool, with that by which S3 sees whether it has come over whole. */
export interface ProvenFile {
  file: SpooledFile;
  length: number;
  proof: Proof;
}
