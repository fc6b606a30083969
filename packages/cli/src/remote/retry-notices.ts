import { type CallRetry, TransportError } from '@partway/client/node/index';
import { escapeControl } from '../output/text.ts';

/** Retries that follow each other within this time are one outage, in milliseconds. */
const ONE_OUTAGE = 60_000;

/** Says once for each outage and reason that a command waits for its server: on stderr, or wherever its report goes. */
export class RetryNotices {
  /** Prints one sentence. */
  tell: (message: string, fields: Record<string, unknown>) => void = (message) => console.error(message);
  readonly #toldAt = new Map<string, number>();

  readonly onRetry = ({ call, waitMillis, error }: CallRetry): void => {
    const reason = error instanceof TransportError ? 'connection' : String(error);
    const now = performance.now();
    const before = this.#toldAt.get(reason) ?? Number.NEGATIVE_INFINITY;
    this.#toldAt.set(reason, now);
    if (now - before < ONE_OUTAGE) return;
    const why = error instanceof Error ? error.message : String(error);
    const message = `${escapeControl(why)} Retrying in ${(waitMillis / 1000).toFixed(1)} s.`;
    this.tell(message, { call, wait_millis: waitMillis });
  };
}
