import type { Run } from '../ingest.ts';
import { GIB, MIB, median, spread } from '../support.ts';

/** 1 GB is 10^9 bytes. */
const gigabytes = (run: Run) => (run.gib * GIB) / 1e9;

const FIGURES: { title: string; of(run: Run): number; digits: number }[] = [
  { title: 'GB/s', of: (run) => gigabytes(run) / run.seconds, digits: 3 },
  { title: 'CPU s/GB', of: (run) => run.serverCpuSeconds / gigabytes(run), digits: 2 },
  { title: 'peak MiB', of: (run) => run.serverPeakRssBytes / MIB, digits: 0 },
  { title: 'commit ms', of: (run) => (run.commitSeconds ?? Number.NaN) * 1000, digits: 1 },
  { title: 'load CPU s/GB', of: (run) => run.loadCpuSeconds / gigabytes(run), digits: 2 },
];

export function printRun(run: Run): void {
  const figures = FIGURES.map(({ title, of, digits }) => `${shown(of(run), digits)} ${title}`);
  console.log(`${label(run)}  round ${run.round}  ${figures.join('  ')}`);
}

/** Prints medians with their spread, and for each size, the throughput of Partway relative to each peer. */
export function printSummary(runs: readonly Run[]): void {
  console.log('\nMedian (spread: maximum minus minimum, in % of the median)');
  for (const [name, group] of Map.groupBy(runs, label)) {
    const figures = FIGURES.map(({ title, of, digits }) => {
      const values = group.map(of);
      return `${shown(median(values), digits)} ${title} (${shown(spread(values) * 100, 0, 3)} %)`;
    });
    console.log(`${name}  ${figures.join('  ')}`);
  }
  for (const [gib, group] of Map.groupBy(runs, (run) => run.gib)) printRatios(gib, group);
}

function printRatios(gib: number, runs: readonly Run[]): void {
  const speed = (run: Run) => gigabytes(run) / run.seconds;
  const ours = runs.filter(({ contender }) => contender === 'partway').map(speed);
  if (ours.length === 0) return;
  for (const [name, group] of Map.groupBy(runs, ({ contender }) => contender)) {
    if (name === 'partway') continue;
    const ratio = median(ours) / median(group.map(speed));
    console.log(`${gib} GiB: partway has ${ratio.toFixed(2)} times the throughput of ${name}`);
  }
}

function label(run: Run): string {
  return `${run.gib} GiB  ${run.contender.padEnd(19)}`;
}

function shown(value: number, digits: number, width = 7): string {
  return (Number.isNaN(value) ? '–' : value.toFixed(digits)).padStart(width);
}
