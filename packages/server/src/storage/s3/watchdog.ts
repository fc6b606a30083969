import type { Millis } from '@partway/protocol/ids';

/** Ends one try of a call: when nothing has happened for a while, or when its time is over. */
export class Watchdog {
  /** Rejects when the try is ended, also where the one who makes it is deaf to the signal. */
  readonly bitten: Promise<never>;
  readonly #controller = new AbortController();
  readonly #quiet: NodeJS.Timeout;
  readonly #end: NodeJS.Timeout;

  /** `silence` in milliseconds; `deadline` on the clock of `performance.now()`. */
  constructor({ silence, deadline }: { silence: Millis; deadline: Millis }) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.bitten = promise;
    const end = () => this.#controller.abort();
    const timedOut = Object.assign(new Error('nothing came in time'), { name: 'TimeoutError' });
    this.#controller.signal.addEventListener('abort', () => reject(timedOut), { once: true });
    this.#quiet = setTimeout(end, silence);
    this.#end = setTimeout(end, Math.max(0, deadline - performance.now()));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something has moved. */
  touch(): void {
    this.#quiet.refresh();
  }

  /** Ends the try now. */
  bite(): void {
    this.#controller.abort();
  }

  stop(): void {
    clearTimeout(this.#quiet);
    clearTimeout(this.#end);
  }
}
