import { renderFigure, renderRatio, summarize } from '../document/figures.ts';
import { markdownTable } from '../document/markdown-table.ts';
import { describeGenerators } from '../load/describe.ts';
import type { LoadGenerator } from '../load/generator.ts';
import { MIB, median } from '../support.ts';

/** One file downloaded over each of some connections at once. */
export interface DownloadRun {
  contender: string;
  connections: number;
  round: number;
  generator: LoadGenerator['name'];
  /** Over all connections. */
  bytes: number;
  seconds: number;
  serverCpuSeconds: number;
  serverPeakRssBytes: number;
  loadCpuSeconds: number;
  loadPeakRssBytes: number;
}

export const NGINX = 'nginx';

const COLUMNS = [
  ...['Server', 'Connections', 'GB/s', 'Times nginx', 'CPU s/GB', 'Times nginx', 'Peak RSS, MiB'],
  'Load generator, CPU s/GB',
];

// 1 GB is 10^9 bytes.
const speed = (run: DownloadRun) => run.bytes / 1e9 / run.seconds;
const cpu = (run: DownloadRun) => run.serverCpuSeconds / (run.bytes / 1e9);
const loadCpu = (run: DownloadRun) => run.loadCpuSeconds / (run.bytes / 1e9);
const peak = (run: DownloadRun) => run.serverPeakRssBytes / MIB;

/** Renders one run as a line. */
export function renderDownloadRun(run: DownloadRun): string {
  const figures = `${speed(run).toFixed(2)} GB/s  ${cpu(run).toFixed(3)} CPU s/GB  load ${loadCpu(run).toFixed(3)} CPU s/GB`;
  return `round ${run.round}  ${run.connections} connections  ${run.contender.padEnd(8)}  ${figures}`;
}

/** Renders a Markdown table of medians with their spread. */
export function renderDownloads(runs: readonly DownloadRun[]): string {
  const lines = [...Map.groupBy(runs, ({ connections }) => connections).values()].flatMap(renderLines);
  return `${markdownTable(COLUMNS, lines)}\n\n${describeGenerators(runs)}`;
}

function renderLines(runs: readonly DownloadRun[]): string[][] {
  const nginx = runs.filter(({ contender }) => contender === NGINX);
  return [...Map.groupBy(runs, ({ contender }) => contender)].map(([contender, group]) => {
    const figure = (of: (run: DownloadRun) => number, digits: number) => renderFigure(summarize(group.map(of)), digits);
    const times = (of: (run: DownloadRun) => number) =>
      renderRatio(median(group.map(of)), nginx.length === 0 ? undefined : median(nginx.map(of)));
    return [
      ...[contender, String(group[0]?.connections), figure(speed, 2), times(speed), figure(cpu, 3), times(cpu)],
      ...[figure(peak, 0), figure(loadCpu, 3)],
    ];
  });
}
