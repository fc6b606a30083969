import { TransportError, type UploadEvent } from '@partway/client/node/index';

type Retrying = Extract<UploadEvent, { type: 'retrying' }>;

/** Remembers which outages were reported. All concurrent requests fail in an outage, but people need only one message. */
export class Outages {
  #outage = 0;
  readonly #reported = new Set<string>();

  /** Whether this is a new outage, or a new reason in the current one. */
  isNews({ outage, error }: Retrying): boolean {
    if (outage !== this.#outage) this.#reported.clear();
    this.#outage = outage;
    const reason = describeReason(error);
    const isNews = !this.#reported.has(reason);
    this.#reported.add(reason);
    return isNews;
  }
}

/** All connection errors count as one reason: a server that stops resets some connections and refuses others. */
function describeReason(error: unknown): string {
  if (error instanceof TransportError) return 'connection';
  return error instanceof Error ? error.message : String(error);
}
