import { execFile } from 'node:child_process';
import { type ProcessFigures, readProcess } from './support.ts';

/** How a program ran: its time and its own figures, and what it printed. */
export interface WatchedRun {
  seconds: number;
  figures: ProcessFigures;
  stdout: string;
}

/** How often the figures are read: what a program takes after the last time is not in them. */
const PACE_MILLIS = 20;

/** Runs a program to its end, looking at its processor time and memory all the while. Rejects where it fails. */
export async function watchedRun(
  file: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<WatchedRun> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const began = performance.now();
  const child = execFile(file, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(new Error(`${error.message}\n${stderr}`, { cause: error }));
  });
  let figures: ProcessFigures = { cpuSeconds: 0, loopCpuSeconds: 0, rssBytes: 0, peakRssBytes: 0 };
  const timer = setInterval(() => {
    try {
      const read = readProcess(child.pid ?? 0);
      // A process that has ended and is not yet reaped has no memory any more.
      if (read.peakRssBytes > 0) figures = read;
    } catch {
      // Gone: its last figures stand.
    }
  }, PACE_MILLIS);
  try {
    return { stdout: await promise, seconds: (performance.now() - began) / 1000, figures };
  } finally {
    clearInterval(timer);
  }
}
