import { type CallRetry, TransportError } from '@partway/client/node/index';
import { escapeControl } from '../output/text.ts';

/** Retries within this time after the previous one belong to the same outage. */
const SAME_OUTAGE_MILLIS = 60_000;

/** Prints once for each outage and reason that a command waits for its server: to stderr, or to the command's report. */
export class RetryNotices {
  /** Prints a notice. Can be replaced. */
  print: (message: string, fields: Record<string, unknown>) => void = (message) => console.error(message);
  /** Whether to print each retry instead. */
  printsAll = false;
  readonly #failedAt = new Map<string, number>();

  readonly onRetry = ({ call, waitMillis, error }: CallRetry): void => {
    const reason = describeReason(error);
    const now = performance.now();
    const previous = this.#failedAt.get(reason) ?? Number.NEGATIVE_INFINITY;
    this.#failedAt.set(reason, now);
    if (now - previous < SAME_OUTAGE_MILLIS && !this.printsAll) return;
    this.print(escapeControl(retryMessage(error, waitMillis)), { call, wait_millis: waitMillis });
  };
}

export function retryMessage(error: unknown, waitMillis: number): string {
  const why = error instanceof Error ? error.message : String(error);
  return `${why} Retrying in ${(waitMillis / 1000).toFixed(1)} s.`;
}

/** All connection errors count as one reason: a server that stops resets some connections and refuses others. */
export function describeReason(error: unknown): string {
  if (error instanceof TransportError) return 'connection';
  return error instanceof Error ? error.message : String(error);
}
