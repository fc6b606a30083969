import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import { S3Failure, s3Failure } from './errors.ts';
import { Watchdog } from './watchdog.ts';

const FIRST_PAUSE: Millis = 100;
const LONGEST_PAUSE: Millis = 5_000;

/** How long, and how often, a call to S3 is tried. */
export interface Persistence<T> {
  /** The whole of it: after this long it has settled, whatever S3 does; `outcome` has its own time beside it. */
  patience: Millis;
  /** A try that sees nothing happen for this long is given up, and the next one begins. */
  silence: Millis;
  /** Asked after a try that failed in passing: what has come of it in spite of that. Undefined: try again. */
  outcome?: (failure: S3Failure) => Promise<T | undefined>;
}

/**
 * Calls S3 until it answers, in bounded time: what fails in passing is tried again, after a pause that doubles and has
 * half of it left to chance. Rejects with what S3 says for good, or with the last failure. `attempt` gets a watchdog:
 * its signal ends the try, and whoever sees bytes move touches it.
 */
export async function persist<T>(
  operation: string,
  { patience, silence, outcome }: Persistence<T>,
  attempt: (watchdog: Watchdog) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + patience;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const watchdog = new Watchdog({ silence, deadline });
    let failure: unknown;
    try {
      return await Promise.race([attempt(watchdog), watchdog.bitten]);
    } catch (error) {
      // A request whose answer came before its end would hold its connection for ever.
      watchdog.bite();
      failure = s3Failure(operation, error);
    } finally {
      watchdog.stop();
    }
    if (!(failure instanceof S3Failure) || !failure.passing) throw failure;
    const came = await outcome?.(failure);
    if (came !== undefined) return came;
    const wait = pause * (0.5 + 0.5 * Math.random());
    if (performance.now() + wait >= deadline) throw failure;
    await sleep(wait);
  }
}
