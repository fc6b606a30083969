/** Formats the model's figures with two digits, because a model is not more precise than that. */

const STEPS = [
  [1e15, 'PB'],
  [1e12, 'TB'],
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB'],
] as const;
const SECONDS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
] as const;

/** `1,200,000`, `340`, `5.3`. */
export function amount(value: number): string {
  return rounded(value).toLocaleString('en-US', { maximumFractionDigits: 3 });
}

/** Bytes in powers of 1000: `1.2 TB`. */
export function bytes(value: number): string {
  const [step, unit] = STEPS.find(([least]) => rounded(value) >= least) ?? [1, 'bytes'];
  return `${amount(value / step)} ${unit}`;
}

/** Seconds: `14 h`, `0.5 s`. */
export function duration(seconds: number): string {
  const [step, unit] = SECONDS.find(([least]) => rounded(seconds) >= least) ?? [1, 's'];
  return `${amount(seconds / step)} ${unit}`;
}

/** US dollars: `$605`. */
export function money(dollars: number): string {
  return `$${amount(dollars)}`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(2));
}
