import { rm } from 'node:fs/promises';
import type { Proof } from './part-proof.ts';

/** A body that lies in the spool. Whoever holds it removes it, or gives it to the spool to keep. */
export class SpooledFile {
  readonly path: string;
  readonly #onRemoved: () => void;
  #removed: Promise<void> | undefined;

  constructor(path: string, onRemoved: () => void) {
    this.path = path;
    this.#onRemoved = onRemoved;
  }

  /** Idempotent. The room is given back even if the file cannot be removed, which the next start puts right. */
  remove(): Promise<void> {
    this.#removed ??= rm(this.path, { force: true })
      .catch(() => {})
      .finally(this.#onRemoved);
    return this.#removed;
  }
}

/** A body in the spool, with that by which S3 sees whether it has come over whole. */
export interface ProvenFile {
  file: SpooledFile;
  length: number;
  proof: Proof;
}
