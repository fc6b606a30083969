import type { Fault } from './fault.ts';
import type { Millis } from './ids.ts';

const EARLIEST: Millis = Date.parse('0001-01-01T00:00:00Z');
const LATEST: Millis = Date.parse('9999-12-31T23:59:59Z');

/** RFC 3339. `T` and `Z` can be lowercase, a fraction can have any length, and the colon in an offset is optional. */
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):?(\d\d))$/i;

/**
 * Formats a time as responses show it: RFC 3339 in UTC without a fraction, the only form that every client can read.
 * A time outside the years 1 to 9999 becomes the first or last second of that range; no input leads to such a time.
 */
export function wireDate(at: Millis): string {
  const clamped = Math.min(Math.max(at, EARLIEST), LATEST);
  return `${new Date(Math.floor(clamped / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** Parses a date that a client sent, to the second. Returns a fault if it is invalid. */
export function parseWireDate(text: string): Millis | Fault {
  const match = RFC_3339.exec(text);
  if (match === null) return { message: 'must be a date such as 2026-11-22T15:00:00Z' };
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const offsetHours = Number(match[8] ?? 0);
  const offsetMinutes = Number(match[9] ?? 0);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  // A field that is too large would carry into the next one. Leap seconds (:60) are refused: `Date` cannot represent them.
  const exists =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    offsetHours <= 23 &&
    offsetMinutes <= 59;
  if (!exists) return { message: `is a date that does not exist: ${text}` };
  const offset = (match[7] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * 60_000;
  const at = date.getTime() - offset;
  if (at < EARLIEST || at > LATEST) return { message: `must be within the years 1 to 9999 in UTC; ${text} is not` };
  return at;
}

/** Returns what is wrong with a date that a client sent, or undefined if it is valid. */
export function wireDateFault(text: string): Fault | undefined {
  const parsed = parseWireDate(text);
  return typeof parsed === 'number' ? undefined : parsed;
}
