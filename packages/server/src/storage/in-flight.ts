import type { BlobId } from '@partway/protocol/ids';

/**
 * Contents that are being stored and have no row yet: nothing names them, and still they are nobody's garbage. Whoever
 * begins a content holds it from before its first byte until its row is written, and the sweep passes it over.
 */
export class InFlightBlobs {
  readonly #tracked = new Set<BlobId>();

  /** Holds `content` until the answer is disposed of. */
  track(blob: BlobId): Disposable {
    this.#tracked.add(blob);
    return { [Symbol.dispose]: () => this.#tracked.delete(blob) };
  }

  has(blob: BlobId): boolean {
    return this.#tracked.has(blob);
  }
}
