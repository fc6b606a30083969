import type { Diagnosis } from './diagnosis.ts';

/** Assertions of apps live a minute: with a clock further off than that none of them is taken. */
const FAR_OFF_MILLIS = 60_000;
const OFF_MILLIS = 5_000;

/** `ahead`: how many milliseconds the server's clock is ahead of this one. */
export function diagnoseClock(ahead: number): Diagnosis {
  const off = Math.abs(ahead);
  if (off < OFF_MILLIS) return { check: 'clock', state: 'ok', message: 'the clocks here and there agree' };
  const message = `the server’s clock is ${Math.round(off / 1000)} s ${ahead > 0 ? 'ahead of' : 'behind'} this one`;
  const remedy = 'Let both machines set their clocks by NTP: what apps sign lives a minute.';
  return { check: 'clock', state: off < FAR_OFF_MILLIS ? 'warn' : 'fail', message, remedy };
}
