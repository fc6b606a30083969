import { isRetryable, RetryWindow, sleep } from '../retry.ts';
import type { UploadEvent } from '../upload-options.ts';

type Trial = Omit<Extract<UploadEvent, { type: 'retrying' }>, 'type' | 'message' | 'waitMillis' | 'error' | 'outage'>;

/**
 * How long an upload goes on trying: as long as anything gets on now and then. The time counts from the first failure after
 * the last success, so that a part that took long to send and then failed is tried again.
 */
export class RetryBudget {
  readonly #window: RetryWindow;
  readonly #signal: AbortSignal | undefined;
  readonly #emit: (event: UploadEvent) => void;

  constructor(millis: number, signal: AbortSignal | undefined, emit: (event: UploadEvent) => void) {
    this.#window = new RetryWindow(millis);
    this.#signal = signal;
    this.#emit = emit;
  }

  /** Something got on. */
  renew(): void {
    this.#window.renew();
  }

  /**
   * Does it again and again while that may help; waits as long as the server asks for, or longer each time. Where it only
   * asks how things stand, that brings nothing on: `getsOn` is false.
   */
  async retry<T>(
    trial: Trial,
    act: () => Promise<T>,
    { signal = this.#signal, getsOn = true }: { signal?: AbortSignal | undefined; getsOn?: boolean } = {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const result = await act();
        if (getsOn) this.renew();
        return result;
      } catch (error) {
        await this.waitAfter(trial, attempt, error, signal);
      }
    }
  }

  /** Waits before the next try. Throws `error` where another one would not help, or the patience is at an end. */
  async waitAfter(trial: Trial, attempt: number, error: unknown, signal = this.#signal): Promise<void> {
    signal?.throwIfAborted();
    if (!isRetryable(error)) throw error;
    const waitMillis = this.#window.waitAfter(attempt, error);
    const why = error instanceof Error ? error.message : String(error);
    const message = `${why} Trying again in ${(waitMillis / 1000).toFixed(1)} s.`;
    this.#emit({ type: 'retrying', ...trial, waitMillis, error, outage: this.#window.outage, message });
    await sleep(waitMillis, signal);
  }
}
