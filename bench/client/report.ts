import { MIB, median, type ProcessFigures, spread } from '../support.ts';

/** One upload by one client. */
export interface ClientRun extends ProcessFigures {
  client: string;
  round: number;
  bytes: number;
  seconds: number;
  serverCpuSeconds: number;
}

/** 1 GB is 10^9 bytes. */
const gigabytes = ({ bytes }: ClientRun) => bytes / 1e9;
const speedOf = (run: ClientRun) => gigabytes(run) / run.seconds;

const FIGURES: { title: string; of(run: ClientRun): number; digits: number }[] = [
  { title: 'GB/s', of: speedOf, digits: 3 },
  { title: 'client CPU s/GB', of: (run) => run.cpuSeconds / gigabytes(run), digits: 2 },
  { title: 'client peak MiB', of: (run) => run.peakRssBytes / MIB, digits: 0 },
  { title: 'server CPU s/GB', of: (run) => run.serverCpuSeconds / gigabytes(run), digits: 2 },
];

export function printRun(run: ClientRun): void {
  const figures = FIGURES.map(({ title, of, digits }) => `${of(run).toFixed(digits).padStart(6)} ${title}`);
  console.log(`${run.client.padEnd(8)} round ${run.round}  ${figures.join('  ')}`);
}

/** Prints medians with their spread, and Partway's speed relative to the fastest other client. */
export function printSummary(runs: readonly ClientRun[]): void {
  console.log('\nMedian (spread: maximum minus minimum, in % of the median)');
  const speeds = new Map<string, number>();
  for (const [client, group] of Map.groupBy(runs, (run) => run.client)) {
    speeds.set(client, median(group.map(speedOf)));
    const figures = FIGURES.map(({ title, of, digits }) => {
      const values = group.map(of);
      return `${median(values).toFixed(digits).padStart(6)} ${title} (${(spread(values) * 100).toFixed(0)} %)`;
    });
    console.log(`${client.padEnd(8)} ${figures.join('  ')}`);
  }
  const ours = speeds.get('partway');
  speeds.delete('partway');
  const fastest = Math.max(...speeds.values());
  if (ours !== undefined && speeds.size > 0) {
    console.log(`partway upload is ${(ours / fastest).toFixed(2)} times as fast as the fastest other client`);
  }
}
