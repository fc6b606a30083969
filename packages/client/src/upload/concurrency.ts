const INITIAL_LIMIT = 4;
/** First increments. In single steps, an upload over a connection with high latency would be half done at the limit. */
const INITIAL_STEP = 2;
/** Another concurrent request has to increase the rate by this factor to be worth its memory. */
const MIN_GAIN = 1.05;
const MIN_WINDOW_MILLIS = 300;
/** After how many windows another request is tried again: if it had no effect, and after a failure. */
const WINDOWS_BEFORE_NEXT_PROBE = 20;
const WINDOWS_AFTER_FAILURE = 3;
/** Requests that fail within this time count as one failure. */
const SAME_FAILURE_MILLIS = 1_000;

/**
 * Decides how many requests are sent concurrently. It adds two. If the next window of parts is stored at least 5 % faster,
 * it adds two more; otherwise it returns to the previous number, and later tries one more. A failure (an overloaded server,
 * a lost connection) halves the number. A window lasts until twice as many parts as requests are stored, and at least 0.3 s.
 */
export class ConcurrencyController {
  readonly #max: number;
  #limit: number;
  #probing = true;
  #step = INITIAL_STEP;
  /** The limit before the last step. Not used before the first one. */
  #previousLimit = INITIAL_LIMIT;
  #windowsToWait = 0;
  /** Bytes per millisecond in the previous window. */
  #rate = 0;
  #window: Window;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(max: number, now: number) {
    this.#max = max;
    this.#limit = Math.min(INITIAL_LIMIT, max);
    this.#window = startWindow(now);
  }

  get limit(): number {
    return this.#limit;
  }

  /** Records that a part of this size was stored. */
  recordStored(bytes: number, now: number): void {
    const window = this.#window;
    window.bytes += bytes;
    window.parts += 1;
    if (window.parts < 2 * this.#limit || now - window.since < MIN_WINDOW_MILLIS) return;
    this.#evaluate(window.bytes / (now - window.since));
    this.#window = startWindow(now);
  }

  /** Records that a request was refused because of load, or that its connection was lost. */
  recordFailure(now: number): void {
    if (now - this.#failedAt < SAME_FAILURE_MILLIS) return;
    this.#failedAt = now;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#probing = false;
    this.#step = 1;
    this.#windowsToWait = WINDOWS_AFTER_FAILURE;
    this.#window = startWindow(now);
  }

  #evaluate(rate: number): void {
    const isFaster = rate >= this.#rate * MIN_GAIN;
    this.#rate = rate;
    if (this.#probing && !isFaster) {
      this.#limit = this.#previousLimit;
      this.#probing = false;
      this.#step = 1;
      this.#windowsToWait = WINDOWS_BEFORE_NEXT_PROBE;
      return;
    }
    this.#windowsToWait -= 1;
    const increases = this.#limit < this.#max && (this.#probing || this.#windowsToWait <= 0);
    if (increases) {
      this.#previousLimit = this.#limit;
      this.#limit = Math.min(this.#max, this.#limit + this.#step);
    }
    this.#probing = increases;
  }
}

interface Window {
  since: number;
  bytes: number;
  parts: number;
}

function startWindow(now: number): Window {
  return { since: now, bytes: 0, parts: 0 };
}
