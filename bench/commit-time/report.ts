import { markdownTable } from '../document/markdown-table.ts';
import { median, percentile } from '../support.ts';

/** The times of many commits in one place, from the last part's response to the 201. */
export interface CommitTimes {
  place: string;
  /** Of each file. */
  gib: number;
  millis: readonly number[];
}

const COLUMNS = ['Where', 'Size', 'Uploads', 'Median, ms', '99th percentile, ms', 'Maximum, ms'];

/** Renders the distribution of the times as a Markdown table. */
export function renderCommitTimes(found: readonly CommitTimes[]): string {
  const lines = found.map(({ place, gib, millis }) => [
    ...[place, `${gib} GiB`, String(millis.length)],
    ...[median(millis), percentile(millis, 0.99), Math.max(...millis)].map((value) => value.toFixed(1)),
  ]);
  return markdownTable(COLUMNS, lines);
}
