import { median, spread } from '../support.ts';

/** The median of one figure over all rounds, and its spread as a fraction of the median. */
export interface Figure {
  median: number;
  /** Undefined after one round. */
  spread: number | undefined;
}

export function summarize(values: readonly number[]): Figure {
  return { median: median(values), spread: values.length > 1 ? spread(values) : undefined };
}

/** Renders a figure as in "0.64 (9 %)"; a dash if there is none. */
export function renderFigure({ median, spread }: Figure, digits: number): string {
  if (Number.isNaN(median)) return '–';
  const value = median.toFixed(digits);
  return spread === undefined || Number.isNaN(spread) ? value : `${value} (${(spread * 100).toFixed(0)} %)`;
}

/** Renders how many times `to` a value is; a dash if one of them was not measured. */
export function renderRatio(value: number | undefined, to: number | undefined): string {
  return value === undefined || !to ? '–' : (value / to).toFixed(2);
}
