import { readdirSync, readFileSync } from 'node:fs';
import { type ProcessFigures, readProcess } from '../support.ts';

/** The figures of a process and everything that it has started, added up. */
export type TreeFigures = Pick<ProcessFigures, 'cpuSeconds' | 'rssBytes' | 'peakRssBytes'>;

/**
 * Adds up the figures of a process and its descendants. CPU time includes that of descendants that have ended and were waited
 * for. The peak is the sum of the peaks of each process that is running, so it can be a little higher than the peak of
 * all together; memory that they share counts for each of them.
 */
export function readProcessTree(pid: number): TreeFigures {
  const sum: TreeFigures = { cpuSeconds: 0, rssBytes: 0, peakRssBytes: 0 };
  for (const one of listTree(pid)) {
    const figures = one === pid ? readProcess(pid) : ifRunning(() => readProcess(one));
    if (figures === undefined) continue;
    sum.cpuSeconds += figures.cpuSeconds + figures.endedChildrenCpuSeconds;
    // A process that has ended but was not waited for yet has no memory.
    sum.rssBytes += figures.rssBytes || 0;
    sum.peakRssBytes += figures.peakRssBytes || 0;
  }
  return sum;
}

/** Lists a process and its descendants. */
export function listTree(pid: number): number[] {
  const threads = ifRunning(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  const children = threads.flatMap((thread) => ifRunning(() => readChildren(pid, thread)) ?? []);
  return [pid, ...children.flatMap(listTree)];
}

function readChildren(pid: number, thread: string): number[] {
  return readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Returns undefined if the process or the thread has ended. */
function ifRunning<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
