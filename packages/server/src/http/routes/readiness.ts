import type { Millis } from '@partway/protocol/ids';
import { type Clock, MACHINE_SOURCES } from '../../time/clock.ts';
import { withTimeout } from '../../util/timeout.ts';

/** A check of a dependency of the server. */
export interface Probe {
  /** The name in the response of `/readyz`. */
  name: string;
  /** Rejects if the dependency does not work. */
  check: () => Promise<unknown>;
}

interface Verdict {
  ready: boolean;
  /** The results of the probes by name. */
  checks: Record<string, 'ok' | 'failed'>;
}

interface ReadinessOptions {
  /** Called each time that a probe starts to fail. */
  onError?: (probe: string, error: unknown) => void;
  /** How long a verdict is reused. */
  maxAge?: Millis;
  /** The time limit of a probe. */
  timeout?: Millis;
  clock?: Pick<Clock, 'monotonic'>;
}

const DEFAULT_MAX_AGE: Millis = 1_000;
const DEFAULT_TIMEOUT: Millis = 3_000;

/** Determines whether this node is ready for requests. Runs the probes at most once per `maxAge`. */
export class Readiness {
  readonly #probes: readonly Probe[];
  readonly #onError: (probe: string, error: unknown) => void;
  readonly #maxAge: Millis;
  readonly #timeout: Millis;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #failing = new Set<string>();
  #last: { startedAt: number; verdict: Promise<Verdict> } | undefined;
  #isStopping = false;

  constructor(
    probes: readonly Probe[],
    {
      onError = () => {},
      maxAge = DEFAULT_MAX_AGE,
      timeout = DEFAULT_TIMEOUT,
      clock = MACHINE_SOURCES,
    }: ReadinessOptions = {},
  ) {
    this.#probes = probes;
    this.#onError = onError;
    this.#maxAge = maxAge;
    this.#timeout = timeout;
    this.#clock = clock;
  }

  /** From now on, the server is not ready, regardless of the probes. */
  stop(): void {
    this.#isStopping = true;
  }

  async verdict(): Promise<Verdict> {
    const now = this.#clock.monotonic();
    if (this.#last === undefined || now - this.#last.startedAt > this.#maxAge) {
      this.#last = { startedAt: now, verdict: this.#probe() };
    }
    const { ready, checks } = await this.#last.verdict;
    return { ready: ready && !this.#isStopping, checks };
  }

  async #probe(): Promise<Verdict> {
    const results = await Promise.all(
      this.#probes.map(async (probe) => [probe.name, (await this.#passes(probe)) ? 'ok' : 'failed'] as const),
    );
    return { ready: results.every(([, state]) => state === 'ok'), checks: Object.fromEntries(results) };
  }

  async #passes({ name, check }: Probe): Promise<boolean> {
    try {
      await withTimeout(check(), this.#timeout, () => {
        throw new Error(`No response within ${this.#timeout} ms.`);
      });
      this.#failing.delete(name);
      return true;
    } catch (error) {
      if (!this.#failing.has(name)) this.#onError(name, error);
      this.#failing.add(name);
      return false;
    }
  }
}
