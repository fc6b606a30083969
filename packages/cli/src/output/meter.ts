const WINDOW_MILLIS = 5000;
/** Less than this says nothing of a rate. */
const LEAST_MILLIS = 400;

/** Tells a rate, and the time left, from how far something had come in the last five seconds. */
export class Meter {
  readonly #totalBytes: number;
  readonly #now: () => number;
  #samples: { at: number; bytes: number }[] = [];

  constructor(totalBytes: number, now: () => number = () => performance.now()) {
    this.#totalBytes = totalBytes;
    this.#now = now;
    this.begin(0);
  }

  /** It begins, or begins anew, with `bytes` done already. */
  begin(bytes: number): void {
    this.#samples = [{ at: this.#now(), bytes }];
  }

  /** It has come to `bytes`. */
  sample(bytes: number): void {
    const at = this.#now();
    const last = this.#samples.at(-1);
    // A mark each tenth of a second is enough to tell by.
    if (last !== undefined && this.#samples.length > 1 && at - last.at < 100) last.bytes = bytes;
    else this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) > WINDOW_MILLIS) this.#samples.shift();
  }

  /** Bytes a second, and milliseconds left. */
  read(): { rate: number | undefined; left: number | undefined } {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    const passed = this.#now() - (first?.at ?? 0);
    if (first === undefined || last === undefined || passed < LEAST_MILLIS) return { rate: undefined, left: undefined };
    const rate = ((last.bytes - first.bytes) * 1000) / passed;
    return { rate, left: rate > 0 ? ((this.#totalBytes - last.bytes) * 1000) / rate : undefined };
  }
}
