import type { BlobId } from '@partway/protocol/ids';

/**
 * Blobs that are being stored and that no row references yet. They must not be garbage-collected, so a writer tracks its
 * blob from before the first byte until its row is written.
 */
export class InFlightBlobs {
  readonly #tracked = new Set<BlobId>();

  /** Protects the blob until the result is disposed. */
  track(blob: BlobId): Disposable {
    this.#tracked.add(blob);
    return { [Symbol.dispose]: () => this.#tracked.delete(blob) };
  }

  has(blob: BlobId): boolean {
    return this.#tracked.has(blob);
  }
}
