import type { Millis } from '@partway/protocol/ids';

/** Work that runs at an interval, such as ending expired sessions. */
export interface BackgroundJob {
  name: string;
  /** Resolves to what the job did, as counts by name. The signal is aborted when the server stops. */
  run: (signal: AbortSignal) => Promise<Record<string, number>>;
}

interface ScheduleOptions {
  /** From the end of one run to the start of the next. */
  interval: Millis;
  /** Calls `runJobs`, unless another node is running the jobs. By default, every run happens. */
  runExclusive?: (runJobs: () => Promise<void>) => Promise<void>;
  /** Called when a job reports a count above zero. */
  onDone: (name: string, counts: Record<string, number>) => void;
  onError: (name: string, error: unknown) => void;
}

/**
 * Runs the jobs immediately and then at every interval, one after the other. If a job fails, the others still run, and
 * the failed job is retried at the next interval.
 * @returns A function that stops the schedule; it resolves after the job in progress has ended.
 */
export function startJobs(
  jobs: readonly BackgroundJob[],
  { interval, runExclusive = (runJobs) => runJobs(), onDone, onError }: ScheduleOptions,
): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();

  async function runJobs(): Promise<void> {
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
  async function runOnce(): Promise<void> {
    await runExclusive(runJobs).catch((error: unknown) => onError('acquire the leader lock', error));
    if (!signal.aborted) timer = setTimeout(start, interval).unref();
  }
  function start(): void {
    running = runOnce();
  }

  start();
  return async () => {
    stopping.abort();
    clearTimeout(timer);
    await running;
  };
}
