import { sleep } from '../retry.ts';

/** Limits the bytes per second of all requests and responses that share it. */
export interface Throttle {
  /** Larger chunks are split, so that concurrent requests take turns and no connection is idle for long. */
  readonly chunkBytes: number;
  /** Resolves when this many bytes may be transferred. Rejects with the signal's reason. */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
}

interface Time {
  now: () => number;
  sleep: (millis: number, signal?: AbortSignal) => Promise<void>;
}

const REAL_TIME: Time = { now: () => performance.now(), sleep };

/** After a pause, this much time's worth of bytes may be transferred at once. */
const BURST_MILLIS = 100;
const MAX_CHUNK_BYTES = 1024 * 1024;

/** A token bucket: bytes become available at a constant rate, and are given out in the order of the calls. */
export class TokenBucket implements Throttle {
  readonly chunkBytes: number;
  readonly #bytesPerMilli: number;
  readonly #time: Time;
  /** When the bytes that were given out so far have become available. */
  #paidAt: number;

  constructor(bytesPerSecond: number, time: Time = REAL_TIME) {
    this.#bytesPerMilli = bytesPerSecond / 1000;
    this.chunkBytes = Math.max(1, Math.min(Math.floor(bytesPerSecond / 10), MAX_CHUNK_BYTES));
    this.#time = time;
    this.#paidAt = time.now();
  }

  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const now = this.#time.now();
    this.#paidAt = Math.max(this.#paidAt, now - BURST_MILLIS) + bytes / this.#bytesPerMilli;
    if (this.#paidAt > now) await this.#time.sleep(this.#paidAt - now, signal);
  }
}
