/** Without bytes for this long, a connection that has not failed yet is probably interrupted. */
const STALL_MILLIS = 15_000;

/** A sentence for the place of rate and time left, and one for a narrow terminal. */
interface WaitNote {
  note: string;
  shortNote: string;
}

/** Tells whether a transfer is waiting for its server: from a failed request, or a long silence, until bytes flow again. */
export class Outage {
  readonly #now: () => number;
  #isRetrying = false;
  /** The times of the next attempts. Concurrent requests fail separately. */
  #attempts: number[] = [];
  /** The fewest bytes since the first failure. A failed part takes its bytes back. */
  #bytes = 0;
  #grewAt: number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#grewAt = now();
  }

  /** Records that a request failed and that the next attempt starts in `waitMillis`. */
  retry(waitMillis: number): void {
    const now = this.#now();
    this.#isRetrying = true;
    this.#attempts = [...this.#attempts.filter((at) => at > now), now + waitMillis];
  }

  /** Records how many bytes are done. Returns whether this has ended an outage. */
  update(doneBytes: number): boolean {
    const hasGrown = doneBytes > this.#bytes;
    this.#bytes = doneBytes;
    if (!hasGrown) return false;
    const hasEnded = this.isWaiting;
    this.#isRetrying = false;
    this.#attempts = [];
    this.#grewAt = this.#now();
    return hasEnded;
  }

  get isWaiting(): boolean {
    return this.#isRetrying || this.#now() - this.#grewAt > STALL_MILLIS;
  }

  /** Milliseconds until the next attempt; undefined if one is in progress. */
  get untilAttempt(): number | undefined {
    const waits = this.#attempts.map((at) => at - this.#now()).filter((millis) => millis > 0);
    return waits.length === 0 ? undefined : Math.min(...waits);
  }
}

/** Describes a wait. `millis`: until the next attempt; undefined if one is in progress. */
export function waitNote(millis: number | undefined): WaitNote {
  if (millis === undefined) return { note: 'waiting for the server', shortNote: 'waiting' };
  const attempt = `next attempt in ${Math.ceil(millis / 1000)} s`;
  return { note: `waiting for the server, ${attempt}`, shortNote: `waiting, ${attempt}` };
}
