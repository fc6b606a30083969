import type { Millis } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';

interface Waiting {
  bytes: number;
  letIn: () => void;
}

/** How many bytes the spool may hold. Whoever finds no room waits for it in line, and not for ever. */
export class SpoolRoom {
  readonly total: number;
  readonly #patience: Millis;
  readonly #makeRoom: () => Promise<boolean>;
  readonly #line: Waiting[] = [];
  #taken = 0;
  #serving: Promise<void> | undefined;

  /** `makeRoom` gives bytes back that nobody needs, by `give`, and says whether there were any. */
  constructor(total: number, { patience, makeRoom }: { patience: Millis; makeRoom: () => Promise<boolean> }) {
    this.total = total;
    this.#patience = patience;
    this.#makeRoom = makeRoom;
  }

  /** Bytes out at present. */
  get taken(): number {
    return this.#taken;
  }

  /** Resolves once `bytes` are the caller's. Refuses as `unavailable` after the time that one may wait. */
  async take(bytes: number): Promise<void> {
    if (bytes > this.total) {
      throw new RangeError(`a spool of ${this.total} bytes cannot hold a part of ${bytes}: raise PARTWAY_SPOOL_SIZE`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { bytes, letIn: resolve };
    this.#line.push(waiting);
    const timer = setTimeout(() => {
      this.#line.splice(this.#line.indexOf(waiting), 1);
      reject(spoolFull());
      this.#serve();
    }, this.#patience);
    this.#serve();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    this.#serve();
  }

  /** There may be something now that `makeRoom` finds. */
  lookAgain(): void {
    if (this.#line.length > 0) this.#serve();
  }

  /** Lets in who waits, as far as there is room; one run at a time. */
  #serve(): void {
    this.#serving ??= this.#letIn().finally(() => {
      this.#serving = undefined;
      if (this.#fits()) this.#serve();
    });
  }

  async #letIn(): Promise<void> {
    while (this.#line.length > 0) {
      if (!this.#fits()) {
        if (await this.#makeRoom()) continue;
        // Bytes may have come back, and the first in line may have left, while it looked.
        if (!this.#fits()) return;
      }
      const next = this.#line.shift();
      if (next === undefined) return;
      this.#taken += next.bytes;
      next.letIn();
    }
  }

  #fits(): boolean {
    const [first] = this.#line;
    return first !== undefined && this.#taken + first.bytes <= this.total;
  }
}

/** The refusal of a body for which the spool has no room at present. */
export function spoolFull(cause?: unknown): Refusal {
  return new Refusal(
    'unavailable',
    'This server has no room for a further part at present. What was acknowledged stands; send this one again later.',
    { retryAfterSeconds: 5, cause },
  );
}
