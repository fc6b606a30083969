import type { LoadResult } from '../load/load.ts';
import { gigabytes } from '../measure/rounds.ts';

/** One upload. */
export interface Run extends LoadResult {
  contender: string;
  gib: number;
  round: number;
}

/** Everything that was measured. */
export interface Results {
  runs: Run[];
  sha1Passes: { gib: number; round: number; cpuSecondsPerGb: number }[];
  dd: { gib: number; round: number; seconds: number }[];
}

/** Of the server. */
export function cpuSecondsPerGb(run: Run): number {
  return run.serverCpuSeconds / gigabytes(run);
}

/** Of the load generator. */
export function loadCpuSecondsPerGb(run: Run): number {
  return run.loadCpuSeconds / gigabytes(run);
}
