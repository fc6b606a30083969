import { bytesText, clockText } from './quantities.ts';

/** "4.0 GiB in 0:12 (341 MiB/s)", without a rate where that would mean nothing. */
export function speedText(bytes: number, millis: number): string {
  const rate = millis >= 100 && bytes > 0 ? ` (${bytesText((bytes * 1000) / millis)}/s)` : '';
  return `${bytesText(bytes)} in ${clockText(millis)}${rate}`;
}
