import { MIB } from '../support.ts';
import type { LoadGenerator } from './generator.ts';

interface Generated {
  generator: LoadGenerator['name'];
  loadPeakRssBytes: number;
}

/** Renders an item of a list that says which load generators sent these runs, and the most memory that they needed. */
export function describeGenerators(runs: readonly Generated[]): string {
  const names = [...new Set(runs.map(({ generator }) => generator))].join(' and ');
  const peak = Math.max(...runs.map(({ loadPeakRssBytes }) => loadPeakRssBytes)) / MIB;
  return `- Load generator: in ${names}, peak RSS ${peak.toFixed(0)} MiB.`;
}
