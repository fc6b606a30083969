import type { Millis } from '../api/ids.ts';
import { expireSessions, removeOrphans } from './sweep.ts';
import type { Uploads } from './uploads.ts';

export interface Sweeping {
  interval: Millis;
  /** How long bytes that nothing names are left alone. */
  grace: Millis;
  onSwept: (swept: { expired: number; orphans: number }) => void;
  onTrouble: (error: unknown) => void;
}

/**
 * Sweeps now and then at every interval, one sweep at a time. One that fails is tried again at the next interval.
 * @returns Stops; resolves once the sweep under way has ended.
 */
export function startSweeping(
  uploads: Uploads,
  { interval, grace, onSwept, onTrouble }: Sweeping,
): () => Promise<void> {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();

  async function sweep(): Promise<void> {
    try {
      const expired = await expireSessions(uploads);
      const orphans = stopped ? 0 : await removeOrphans(uploads, grace);
      if (expired > 0 || orphans > 0) onSwept({ expired, orphans });
    } catch (error) {
      onTrouble(error);
    }
    if (!stopped) timer = setTimeout(start, interval).unref();
  }
  function start(): void {
    running = sweep();
  }

  start();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
