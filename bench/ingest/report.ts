import { type Figure, renderFigure, renderRatio, summarize } from '../document/figures.ts';
import { markdownTable } from '../document/markdown-table.ts';
import { describeGenerators } from '../load/describe.ts';
import { gigabytesPerSecond } from '../measure/rounds.ts';
import { MIB, median } from '../support.ts';
import { TUS, TUSD } from './contenders.ts';
import { computeFloor, type Floor } from './floor.ts';
import { cpuSecondsPerGb, loadCpuSecondsPerGb, type Results, type Run } from './results.ts';

/** Renders one run as a line. */
export function renderRun(run: Run): string {
  const figures = [
    `${gigabytesPerSecond(run).toFixed(3)} GB/s`,
    `${cpuSecondsPerGb(run).toFixed(2)} CPU s/GB`,
    `${(run.serverPeakRssBytes / MIB).toFixed(0)} MiB`,
    `load ${loadCpuSecondsPerGb(run).toFixed(2)} CPU s/GB`,
    ...(run.commitSeconds === undefined ? [] : [`last part to 201 ${(run.commitSeconds * 1000).toFixed(1)} ms`]),
  ];
  return `${run.gib} GiB  round ${run.round}  ${run.contender.padEnd(20)}  ${figures.join('  ')}`;
}

/** Renders a Markdown table of medians with their spread, and sentences about the floor, dd and the load generator. */
export function renderReport(results: Results): string {
  const sizes = [...new Set(results.runs.map(({ gib }) => gib))];
  const lines = sizes.flatMap((gib) => renderLines(results, gib));
  const notes = sizes.flatMap((gib) => renderNotes(results, gib));
  return `${markdownTable(COLUMNS, lines)}\n\n${[...notes, describeGenerators(results.runs)].join('\n')}`;
}

const COLUMNS = [
  ...['Server', 'Size', 'GB/s', 'Times @tus/server', 'Times tusd', 'CPU s/GB', 'Times the floor'],
  ...['Peak RSS, MiB', 'Last part to 201, ms', 'Load generator, CPU s/GB'],
];

function renderLines(results: Results, gib: number): string[][] {
  const runs = results.runs.filter((run) => run.gib === gib);
  const floor = computeFloor(results, gib);
  const speeds = new Map<string, number>();
  const byContender = Map.groupBy(runs, ({ contender }) => contender);
  for (const [contender, group] of byContender) speeds.set(contender, median(group.map(gigabytesPerSecond)));
  return [...byContender].map(([contender, group]) => {
    const figure = (of: (run: Run) => number, digits: number) => renderFigure(summarize(group.map(of)), digits);
    const times = (peer: string) => renderRatio(speeds.get(contender), speeds.get(peer));
    return [
      ...[contender, `${gib} GiB`, figure(gigabytesPerSecond, 2), times(TUS), times(TUSD), figure(cpuSecondsPerGb, 2)],
      renderRatio(median(group.map(cpuSecondsPerGb)), floor?.median),
      figure((run) => run.serverPeakRssBytes / MIB, 0),
      figure((run) => (run.commitSeconds ?? Number.NaN) * 1000, 0),
      figure(loadCpuSecondsPerGb, 2),
    ];
  });
}

function renderNotes(results: Results, gib: number): string[] {
  const floor = computeFloor(results, gib);
  const dd = results.dd.filter((run) => run.gib === gib).map(gigabytesPerSecond);
  return [
    ...(floor === undefined ? [] : [renderFloor(floor, gib)]),
    ...(dd.length === 0 ? [] : [`- dd with one sync at its end, ${gib} GiB: ${renderFigure(summarize(dd), 2)} GB/s.`]),
  ];
}

function renderFloor({ nginx, pass, ...floor }: Floor, gib: number): string {
  const show = (figure: Figure) => renderFigure(figure, 2);
  return `- Floor, ${gib} GiB: ${show(floor)} CPU s/GB; nginx ${show(nginx)}, one SHA-1 pass ${show(pass)}.`;
}
