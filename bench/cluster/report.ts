import { GIB, MIB, median, spread } from '../support.ts';

/** One upload of one file. */
export interface ClusterRun {
  contender: string;
  /** In bytes. */
  size: number;
  round: number;
  /** From the first byte to the end, including the commit. */
  seconds: number;
  /** From the last part's response to the 201. */
  commitSeconds?: number;
  /** Of all nodes together, without PostgreSQL and Ceph. */
  cpuSeconds?: number;
  /** The share of the event loops. */
  loopCpuSeconds?: number;
  peakRssBytes?: number;
}

const FIGURES: { title: string; of(run: ClusterRun): number; digits: number }[] = [
  { title: 'GB/s', of: (run) => run.size / 1e9 / run.seconds, digits: 3 },
  { title: 'CPU s/GB', of: (run) => (run.cpuSeconds ?? Number.NaN) / (run.size / 1e9), digits: 2 },
  { title: 'in event loops', of: (run) => (run.loopCpuSeconds ?? Number.NaN) / (run.size / 1e9), digits: 2 },
  { title: 'peak MiB', of: (run) => (run.peakRssBytes ?? Number.NaN) / MIB, digits: 0 },
  { title: 'last part to 201 ms', of: (run) => (run.commitSeconds ?? Number.NaN) * 1000, digits: 0 },
];

/** Prints medians with their spread, and Partway's throughput in percent of the bare clients'. */
export function printClusterSummary(runs: readonly ClusterRun[]): void {
  console.log('\nMedian (spread: maximum minus minimum, in % of the median)');
  for (const [size, ofSize] of Map.groupBy(runs, (run) => run.size)) {
    for (const [contender, group] of Map.groupBy(ofSize, (run) => run.contender)) {
      const figures = FIGURES.map(({ title, of, digits }) => {
        const values = group.map(of).filter((value) => !Number.isNaN(value));
        return values.length === 0
          ? ''
          : `${median(values).toFixed(digits)} ${title} (${(spread(values) * 100).toFixed(0)} %)`;
      });
      console.log(
        `${size / GIB} GiB  ${contender.padEnd(18)}  ${figures.filter((figure) => figure !== '').join('   ')}`,
      );
    }
    printRatios(size, ofSize);
  }
}

function printRatios(size: number, runs: readonly ClusterRun[]): void {
  const speed = (contender: string) =>
    median(runs.filter((run) => run.contender === contender).map((run) => 1 / run.seconds));
  for (const bare of ['rclone', 'aws cli']) {
    const ratio = speed('partway') / speed(bare);
    if (!Number.isNaN(ratio))
      console.log(`${size / GIB} GiB: partway has ${(ratio * 100).toFixed(0)} % of the throughput of ${bare}`);
  }
}
