import type { Millis } from '@partway/protocol/ids';
import { type Clock, MACHINE_SOURCES } from '../../time/clock.ts';

/** Something without which the server cannot serve. */
export interface Probe {
  /** As `/readyz` names it. */
  name: string;
  /** Resolves where it is there, rejects where it is not. */
  check: () => Promise<unknown>;
}

interface Verdict {
  ready: boolean;
  /** What each probe found, by its name. */
  checks: Record<string, 'ok' | 'failed'>;
}

interface ReadinessOptions {
  /** Told why, each time that a probe begins to fail. */
  onError?: (probe: string, error: unknown) => void;
  /** For how long a verdict holds; those who ask meanwhile get it too. */
  maxAge?: Millis;
  /** How long a probe has. */
  timeout?: Millis;
  clock?: Pick<Clock, 'monotonic'>;
}

const DEFAULT_MAX_AGE: Millis = 1_000;
const DEFAULT_TIMEOUT: Millis = 3_000;

/** Whether this node should be sent requests. However many ask, it probes once in a while. */
export class Readiness {
  readonly #probes: readonly Probe[];
  readonly #onError: (probe: string, error: unknown) => void;
  readonly #maxAge: Millis;
  readonly #timeout: Millis;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #failing = new Set<string>();
  #last: { asked: number; verdict: Promise<Verdict> } | undefined;
  #stopping = false;

  constructor(
    probes: readonly Probe[],
    {
      onError = () => {},
      maxAge: fresh = DEFAULT_MAX_AGE,
      timeout: patience = DEFAULT_TIMEOUT,
      clock = MACHINE_SOURCES,
    }: ReadinessOptions = {},
  ) {
    this.#probes = probes;
    this.#onError = onError;
    this.#maxAge = fresh;
    this.#timeout = patience;
    this.#clock = clock;
  }

  /** From now on the server is not ready, whatever the probes say. */
  stop(): void {
    this.#stopping = true;
  }

  async verdict(): Promise<Verdict> {
    const now = this.#clock.monotonic();
    if (this.#last === undefined || now - this.#last.asked > this.#maxAge) {
      this.#last = { asked: now, verdict: this.#probe() };
    }
    const { ready, checks } = await this.#last.verdict;
    return { ready: ready && !this.#stopping, checks };
  }

  async #probe(): Promise<Verdict> {
    const found = await Promise.all(
      this.#probes.map(async (probe) => [probe.name, (await this.#passes(probe)) ? 'ok' : 'failed'] as const),
    );
    return { ready: found.every(([, state]) => state === 'ok'), checks: Object.fromEntries(found) };
  }

  async #passes({ name, check }: Probe): Promise<boolean> {
    const { promise: overdue, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`no answer within ${this.#timeout} ms`)), this.#timeout);
    try {
      await Promise.race([check(), overdue]);
      this.#failing.delete(name);
      return true;
    } catch (error) {
      if (!this.#failing.has(name)) this.#onError(name, error);
      this.#failing.add(name);
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
}
