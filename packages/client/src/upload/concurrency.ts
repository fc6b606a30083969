const FIRST = 4;
/** By how many it climbs at first: an upload over a long line is half over before single steps have come to its end. */
const FIRST_STEP = 2;
/** A further request at a time must bring this much, or it is not worth its memory. */
const WORTH_IT = 1.05;
const SHORTEST_WINDOW = 300;
/** After how many windows a further request is tried again, where it brought nothing; and where there was trouble. */
const WINDOWS_BEFORE_NEXT_PROBE = 20;
const WINDOWS_AFTER_TROUBLE = 3;
/** Requests that fail together are one trouble. */
const ONE_TROUBLE = 1_000;

/**
 * How many requests there should be at a time. It climbs: two more, and if the next window of parts is stored at least
 * 5 % faster, two more again; if not, back to what it was, and after a while a try with one more. Trouble (a refusal for load, a broken
 * connection) halves it. Windows are as long as twice the requests take, and at least 0.3 s.
 */
export class ConcurrencyController {
  readonly #most: number;
  #limit: number;
  #probing = true;
  #step = FIRST_STEP;
  /** What the limit was before the last step. */
  #before: number;
  #hold = 0;
  /** Bytes a millisecond of the window before. */
  #rate = 0;
  #window: { since: number; bytes: number; parts: number };
  #troubleAt = Number.NEGATIVE_INFINITY;

  constructor(most: number, now: number) {
    this.#most = most;
    this.#limit = Math.min(FIRST, most);
    this.#before = this.#limit;
    this.#window = { since: now, bytes: 0, parts: 0 };
  }

  get limit(): number {
    return this.#limit;
  }

  /** A part of so many bytes was stored. */
  stored(bytes: number, now: number): void {
    const window = this.#window;
    window.bytes += bytes;
    window.parts += 1;
    if (window.parts < 2 * this.#limit || now - window.since < SHORTEST_WINDOW) return;
    this.#judge(window.bytes / (now - window.since));
    this.#window = { since: now, bytes: 0, parts: 0 };
  }

  /** A request was refused for load, or broke. */
  onTrouble(now: number): void {
    if (now - this.#troubleAt < ONE_TROUBLE) return;
    this.#troubleAt = now;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#probing = false;
    this.#step = 1;
    this.#hold = WINDOWS_AFTER_TROUBLE;
    this.#window = { since: now, bytes: 0, parts: 0 };
  }

  #judge(rate: number): void {
    const faster = rate >= this.#rate * WORTH_IT;
    this.#rate = rate;
    if (this.#probing && !faster) {
      this.#limit = this.#before;
      this.#probing = false;
      this.#step = 1;
      this.#hold = WINDOWS_BEFORE_NEXT_PROBE;
      return;
    }
    this.#hold -= 1;
    const climbs = this.#limit < this.#most && (this.#probing || this.#hold <= 0);
    if (climbs) {
      this.#before = this.#limit;
      this.#limit = Math.min(this.#most, this.#limit + this.#step);
    }
    this.#probing = climbs;
  }
}
