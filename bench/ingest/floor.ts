import { type Figure, summarize } from '../document/figures.ts';
import { NGINX } from './contenders.ts';
import { cpuSecondsPerGb, type Results } from './results.ts';

/** The CPU time below which a server that verifies every byte twice cannot get, in CPU seconds for each GB. */
export interface Floor extends Figure {
  /** What nginx needs to receive and store the bytes. */
  nginx: Figure;
  /** What OpenSSL needs to hash them once. */
  pass: Figure;
}

/** A part's SHA-1 and the whole file's. */
const PASSES = 2;

/** Computes the floor for files of one size; undefined if nginx was not measured. */
export function computeFloor({ runs, sha1Passes }: Results, gib: number): Floor | undefined {
  const rounds = sha1Passes
    .filter((pass) => pass.gib === gib)
    .flatMap(({ round, cpuSecondsPerGb: pass }) => {
      const nginx = runs.find((run) => run.contender === NGINX && run.gib === gib && run.round === round);
      return nginx === undefined ? [] : [{ nginx: cpuSecondsPerGb(nginx), pass }];
    });
  if (rounds.length === 0) return undefined;
  return {
    ...summarize(rounds.map(({ nginx, pass }) => nginx + PASSES * pass)),
    nginx: summarize(rounds.map(({ nginx }) => nginx)),
    pass: summarize(rounds.map(({ pass }) => pass)),
  };
}
