import { formatDuration } from './quantities.ts';
import { isTerminal } from './terminal.ts';

/**
 * Until `work` ends, shows on a terminal's stderr what is happening and for how long: "Deleting all files of ann… 0:12".
 * In a pipe, nothing is printed.
 */
export async function withProgressLine<T>(label: string, work: () => Promise<T>): Promise<T> {
  if (!isTerminal(process.stderr)) return work();
  // Loaded lazily, because only terminals need it.
  const { liveLines } = await import('./live-lines.ts');
  const startedAt = performance.now();
  using _lines = liveLines(process.stderr, () => [`${label}… ${formatDuration(performance.now() - startedAt)}`]);
  return await work();
}
