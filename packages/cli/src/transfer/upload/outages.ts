import { TransportError, type UploadEvent } from '@partway/client/node/index';

type Retrying = Extract<UploadEvent, { type: 'retrying' }>;

/** What people have been told of an outage: every request under way runs into it, and they need to hear of it once. */
export class Outages {
  #outage = 0;
  readonly #told = new Set<string>();

  /** Whether this is another outage, or another reason in the same one. */
  isNews({ outage, error }: Retrying): boolean {
    if (outage !== this.#outage) this.#told.clear();
    this.#outage = outage;
    const reason = reasonOf(error);
    const isNews = !this.#told.has(reason);
    this.#told.add(reason);
    return isNews;
  }
}

/** A server that goes away resets some connections, hangs up others and refuses new ones: all of it says the same. */
function reasonOf(error: unknown): string {
  if (error instanceof TransportError) return 'connection';
  return error instanceof Error ? error.message : String(error);
}
