import { describeReason } from '../remote/retry-notices.ts';

interface FailedAttempt {
  /** Number of the outage. */
  outage: number;
  error: unknown;
}

/** Remembers which outages were reported. All concurrent requests fail in an outage, but people need only one message. */
export class Outages {
  #outage = 0;
  readonly #reported = new Set<string>();

  /** Whether this is a new outage, or a new reason in the current one. */
  isNews({ outage, error }: FailedAttempt): boolean {
    if (outage !== this.#outage) this.#reported.clear();
    this.#outage = outage;
    const reason = describeReason(error);
    const isNews = !this.#reported.has(reason);
    this.#reported.add(reason);
    return isNews;
  }
}
