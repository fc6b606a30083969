import { execFile } from 'node:child_process';
import { type ProcessFigures, readProcess } from './support.ts';

/** The result of a program: its time, its figures, and its output. */
export interface WatchedRun {
  seconds: number;
  figures: ProcessFigures;
  stdout: string;
}

/** How often the figures are read. They do not include what happens after the last time. */
const PACE_MILLIS = 20;

/** Runs a program to its end, and samples its CPU time and memory. Rejects if it fails. */
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
  let figures: ProcessFigures = {
    cpuSeconds: 0,
    loopCpuSeconds: 0,
    endedChildrenCpuSeconds: 0,
    rssBytes: 0,
    peakRssBytes: 0,
  };
  const timer = setInterval(() => {
    try {
      const read = readProcess(child.pid ?? 0);
      // A process that has exited but is not reaped yet has no memory.
      if (read.peakRssBytes > 0) figures = read;
    } catch {
      // The process is gone; use its last figures.
    }
  }, PACE_MILLIS);
  try {
    return { stdout: await promise, seconds: (performance.now() - began) / 1000, figures };
  } finally {
    clearInterval(timer);
  }
}
