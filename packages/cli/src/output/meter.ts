const WINDOW_MILLIS = 5000;
/** A shorter time is too short for a rate. */
const MIN_MILLIS = 400;

/** Computes a rate and the time left from the progress of the last five seconds. */
export class Meter {
  readonly #totalBytes: number;
  readonly #now: () => number;
  #samples: { at: number; bytes: number }[] = [];

  constructor(totalBytes: number, now: () => number = () => performance.now()) {
    this.#totalBytes = totalBytes;
    this.#now = now;
    this.reset(0);
  }

  /** Starts from scratch, with this many bytes already done. */
  reset(bytes: number): void {
    this.#samples = [{ at: this.#now(), bytes }];
  }

  /** Records how many bytes are done. */
  sample(bytes: number): void {
    const at = this.#now();
    const last = this.#samples.at(-1);
    // Ten samples a second are enough.
    if (last !== undefined && this.#samples.length > 1 && at - last.at < 100) last.bytes = bytes;
    else this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) > WINDOW_MILLIS) this.#samples.shift();
  }

  /** Returns bytes per second and milliseconds left, as of the last sample: while nothing happens, they do not change. */
  read(): { rate: number | undefined; left: number | undefined } {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined) return { rate: undefined, left: undefined };
    const elapsed = last.at - first.at;
    if (elapsed < MIN_MILLIS) return { rate: undefined, left: undefined };
    const rate = ((last.bytes - first.bytes) * 1000) / elapsed;
    return { rate, left: rate > 0 ? ((this.#totalBytes - last.bytes) * 1000) / rate : undefined };
  }
}
