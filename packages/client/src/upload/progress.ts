import type { PartProgress, UploadProgress } from '../upload-options.ts';

/** Over how long the rate is taken, and how often it is looked at, in milliseconds. */
const RATE_OVER = 5_000;
const RATE_EVERY = 250;

/** Counts what goes out and what has come to stand, and tells of it in a steady rhythm, also while nothing moves. */
export class ProgressMeter implements Disposable {
  /** Bytes. */
  total: number;
  phase: UploadProgress['phase'] = 'starting';
  parallel = 0;
  parts: PartProgress[] = [];
  /** Bytes that went out, those in vain among them. */
  bytesSent = 0;
  #stored = 0;
  #underWay = 0;
  readonly #tell: ((progress: UploadProgress) => void) | undefined;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #samples: { at: number; bytes: number }[] = [];

  constructor(total: number, tell: ((progress: UploadProgress) => void) | undefined, interval: number) {
    this.total = total;
    this.#tell = tell;
    this.#timer = tell && setInterval(() => tell(this.progress()), interval);
  }

  /** The grid of a session, with nothing of it stored. */
  begin(partSize: number): void {
    const count = Math.ceil(this.total / partSize);
    this.parts = Array.from({ length: count }, (_, index) => ({
      offset: index * partSize,
      size: Math.min(partSize, this.total - index * partSize),
      state: 'queued',
      sent: 0,
      tries: 0,
    }));
    this.#stored = 0;
    this.#underWay = 0;
    this.#samples = [];
  }

  /** So many bytes of a try have gone out. */
  sent(part: PartProgress, bytes: number): void {
    const more = bytes - part.sent;
    part.sent = bytes;
    this.#underWay += more;
    if (more > 0) this.bytesSent += more;
    this.#sample();
  }

  /** A part is stored, by this run or by one before. */
  stored(part: PartProgress, state: 'sent' | 'stored'): void {
    this.#underWay -= part.sent;
    part.sent = 0;
    part.state = state;
    this.#stored += part.size;
    // What was there before did not go through the line now.
    if (state === 'stored') this.#samples = [];
    this.#sample();
  }

  /** A file in one piece: so many bytes have gone out. */
  sentWhole(bytes: number): void {
    this.bytesSent += Math.max(0, bytes - this.#underWay);
    this.#underWay = Math.min(bytes, this.total);
    this.#sample();
  }

  get bytesStored(): number {
    return this.#stored;
  }

  /** Goes on to the next phase and tells so at once. */
  enter(phase: UploadProgress['phase']): void {
    if (phase === this.phase) return;
    this.phase = phase;
    this.#tell?.(this.progress());
  }

  progress(): UploadProgress {
    const bytesDone = this.phase === 'done' ? this.total : this.#stored + this.#underWay;
    const bytesPerSecond = this.#rate();
    const left = this.total - bytesDone;
    return {
      phase: this.phase,
      bytesTotal: this.total,
      bytesStored: this.phase === 'done' ? this.total : this.#stored,
      bytesDone,
      bytesPerSecond,
      secondsLeft: left === 0 ? 0 : bytesPerSecond ? left / bytesPerSecond : undefined,
      parallel: this.parallel,
      parts: this.parts,
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const at = performance.now();
    const last = this.#samples.at(-1);
    if (last !== undefined && at - last.at < RATE_EVERY) return;
    this.#samples.push({ at, bytes: this.#stored + this.#underWay });
    while ((this.#samples[0]?.at ?? at) < at - RATE_OVER) this.#samples.shift();
  }

  #rate(): number | undefined {
    const first = this.#samples[0];
    if (first === undefined) return undefined;
    const elapsed = performance.now() - first.at;
    if (elapsed < RATE_EVERY) return undefined;
    return Math.max(0, ((this.#stored + this.#underWay - first.bytes) * 1000) / elapsed);
  }
}
