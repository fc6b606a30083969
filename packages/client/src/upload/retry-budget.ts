import { isRetryable, RetryWindow, sleep } from '../retry.ts';
import type { UploadEvent } from '../upload-options.ts';

type RetriedStep = Omit<
  Extract<UploadEvent, { type: 'retrying' }>,
  'type' | 'message' | 'waitMillis' | 'error' | 'outage'
>;

/**
 * Limits how long an upload retries without any progress. The time counts from the first failure after the last success, so
 * that a part that took a long time and then failed is still retried.
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

  recordSuccess(): void {
    this.#window.recordSuccess();
  }

  /**
   * Calls `act` until it succeeds or a retry cannot help. Waits as long as the server requests, or longer each time.
   * `isProgress`: whether a success counts as progress. It is false for mere queries.
   */
  async retry<T>(
    step: RetriedStep,
    act: () => Promise<T>,
    { signal = this.#signal, isProgress = true }: { signal?: AbortSignal | undefined; isProgress?: boolean } = {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const result = await act();
        if (isProgress) this.recordSuccess();
        return result;
      } catch (error) {
        await this.waitBeforeRetry(step, attempt, error, signal);
      }
    }
  }

  /** Waits before the next attempt. @throws `error` if a retry cannot help or the time is over; the signal's reason. */
  async waitBeforeRetry(step: RetriedStep, attempt: number, error: unknown, signal = this.#signal): Promise<void> {
    signal?.throwIfAborted();
    if (!isRetryable(error)) throw error;
    const waitMillis = this.#window.nextWait(attempt, error);
    const why = error instanceof Error ? error.message : String(error);
    const message = `${why} Retrying in ${(waitMillis / 1000).toFixed(1)} s.`;
    this.#emit({ type: 'retrying', ...step, waitMillis, error, outage: this.#window.outage, message });
    await sleep(waitMillis, signal);
  }
}
