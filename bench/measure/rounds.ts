import { GIB } from '../support.ts';

/** 1 GB is 10^9 bytes. */
export function gigabytes({ gib }: { gib: number }): number {
  return (gib * GIB) / 1e9;
}

export function gigabytesPerSecond(run: { gib: number; seconds: number }): number {
  return gigabytes(run) / run.seconds;
}

/** Returns what is done in a round in its order: forwards in the first round, backwards in the second, and so on. */
export function inOrderOfRound<T>(steps: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? steps.toReversed() : steps;
}
