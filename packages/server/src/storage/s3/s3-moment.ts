import type { Millis } from '@partway/protocol/ids';
import type { Bucket } from './retry.ts';

/** Clocks that differ by less are taken for the same: an answer that S3 takes minutes for says no more than that. */
const SAME: Millis = 5 * 60_000;

/**
 * A moment that S3 tells, by the clock of this machine, with which it is compared: a clock that is wrong here would make
 * old what has just come. The SDK learns from each answer by how much the two differ. What S3 does not tell is now.
 */
export function momentOf({ client }: Bucket, told: Date | undefined): Millis {
  if (told === undefined) return Date.now();
  const ahead = client.config.systemClockOffset;
  return told.getTime() - (Math.abs(ahead) < SAME ? 0 : ahead);
}
