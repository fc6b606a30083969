import type { Millis } from '@partway/protocol/ids';

/** Something to be done now and then, whether or not anybody calls. */
export interface BackgroundJob {
  name: string;
  /** Does it, and says how much of what there was. The signal says that the server stops. */
  run: (signal: AbortSignal) => Promise<Record<string, number>>;
}

interface ScheduleOptions {
  interval: Millis;
  /** Runs a round, or does not where it is another node's turn; runs it always unless given. */
  runExclusive?: (round: () => Promise<void>) => Promise<void>;
  /** Called where a chore found something to do. */
  onDone: (name: string, counts: Record<string, number>) => void;
  onError: (name: string, error: unknown) => void;
}

/**
 * Does the chores now and then at every interval, one after the other. One that fails keeps none of the others from
 * their turn, and is tried again at the next interval.
 * @returns Stops; resolves once the chore under way has ended.
 */
export function startJobs(
  jobs: readonly BackgroundJob[],
  { interval, runExclusive: inTurn = (round) => round(), onDone, onError }: ScheduleOptions,
): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();

  async function round(): Promise<void> {
    for (const { name, run } of jobs) {
      if (signal.aborted) return;
      try {
        const counts = await run(signal);
        if (Object.values(counts).some((count) => count > 0)) onDone(name, counts);
      } catch (error) {
        if (signal.aborted && error instanceof Error && error.name === 'AbortError') return;
        onError(name, error);
      }
    }
  }
  async function turn(): Promise<void> {
    await inTurn(round).catch((error: unknown) => onError('take a turn', error));
    if (!signal.aborted) timer = setTimeout(start, interval).unref();
  }
  function start(): void {
    running = turn();
  }

  start();
  return async () => {
    stopping.abort();
    clearTimeout(timer);
    await running;
  };
}
