import type { PartProgress, UploadProgress } from '../upload-options.ts';

const RATE_WINDOW_MILLIS = 5_000;
const SAMPLE_INTERVAL_MILLIS = 250;

/** Counts sent and stored bytes, and reports progress at a fixed interval, even if nothing changes. */
export class ProgressMeter implements Disposable {
  /** Bytes. */
  total: number;
  phase: UploadProgress['phase'] = 'starting';
  parallel = 0;
  parts: PartProgress[] = [];
  /** Bytes that were sent, including those that were sent again. */
  bytesSent = 0;
  #stored = 0;
  #inFlight = 0;
  readonly #onProgress: ((progress: UploadProgress) => void) | undefined;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #samples: { at: number; bytes: number }[] = [];

  constructor(total: number, onProgress: ((progress: UploadProgress) => void) | undefined, interval: number) {
    this.total = total;
    this.#onProgress = onProgress;
    this.#timer = onProgress && setInterval(() => onProgress(this.progress()), interval);
  }

  /** Starts a session with this part size, without stored parts. */
  setPartSize(partSize: number): void {
    const count = Math.ceil(this.total / partSize);
    this.parts = Array.from({ length: count }, (_, index) => ({
      offset: index * partSize,
      size: Math.min(partSize, this.total - index * partSize),
      state: 'queued',
      sent: 0,
      tries: 0,
    }));
    this.#stored = 0;
    this.#inFlight = 0;
    this.#samples = [];
  }

  /** Records how many bytes of the current attempt of a part have been sent. */
  recordSent(part: PartProgress, bytes: number): void {
    const added = bytes - part.sent;
    part.sent = bytes;
    this.#inFlight += added;
    if (added > 0) this.bytesSent += added;
    this.#sample();
  }

  /** Records that a part is stored: `sent` by this run, or `stored` by an earlier one. */
  recordStored(part: PartProgress, state: 'sent' | 'stored'): void {
    this.#inFlight -= part.sent;
    part.sent = 0;
    part.state = state;
    this.#stored += part.size;
    // Parts that were already stored must not count toward the rate.
    if (state === 'stored') this.#samples = [];
    this.#sample();
  }

  /** Records how many bytes of a file that is uploaded in one request have been sent. */
  recordSentWhole(bytes: number): void {
    this.bytesSent += Math.max(0, bytes - this.#inFlight);
    this.#inFlight = Math.min(bytes, this.total);
    this.#sample();
  }

  get bytesStored(): number {
    return this.#stored;
  }

  /** Enters a phase and reports it immediately. */
  setPhase(phase: UploadProgress['phase']): void {
    if (phase === this.phase) return;
    this.phase = phase;
    this.#onProgress?.(this.progress());
  }

  progress(): UploadProgress {
    const bytesDone = this.phase === 'done' ? this.total : this.#stored + this.#inFlight;
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
    if (last !== undefined && at - last.at < SAMPLE_INTERVAL_MILLIS) return;
    this.#samples.push({ at, bytes: this.#stored + this.#inFlight });
    while ((this.#samples[0]?.at ?? at) < at - RATE_WINDOW_MILLIS) this.#samples.shift();
  }

  #rate(): number | undefined {
    const first = this.#samples[0];
    if (first === undefined) return undefined;
    const elapsed = performance.now() - first.at;
    if (elapsed < SAMPLE_INTERVAL_MILLIS) return undefined;
    return Math.max(0, ((this.#stored + this.#inFlight - first.bytes) * 1000) / elapsed);
  }
}
