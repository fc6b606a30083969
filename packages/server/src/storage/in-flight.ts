import type { ContentId } from '@partway/protocol/ids';

/**
 * Contents that are being stored and have no row yet: nothing names them, and still they are nobody's garbage. Whoever
 * begins a content holds it from before its first byte until its row is written, and the sweep passes it over.
 */
export class InHand {
  readonly #held = new Set<ContentId>();

  /** Holds `content` until the answer is disposed of. */
  hold(content: ContentId): Disposable {
    this.#held.add(content);
    return { [Symbol.dispose]: () => this.#held.delete(content) };
  }

  has(content: ContentId): boolean {
    return this.#held.has(content);
  }
}
