import type { Fault } from './fault.ts';
import type { Millis } from './ids.ts';

const EARLIEST: Millis = Date.parse('0001-01-01T00:00:00Z');
const LATEST: Millis = Date.parse('9999-12-31T23:59:59Z');

/** RFC 3339, with `T` and `Z` in either case, a fraction of any length, and an offset also without its colon. */
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):?(\d\d))$/i;

/**
 * A moment as answers show it: RFC 3339 in UTC without a fraction, the only form that every client reads. A moment
 * outside the years 1 to 9999 is shown as the first or last second of them; no input leads there.
 */
export function wireDate(at: Millis): string {
  const shown = Math.min(Math.max(at, EARLIEST), LATEST);
  return `${new Date(Math.floor(shown / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** The moment in a date that a client sent, to the second, or what is wrong with it. */
export function parseWireDate(text: string): Millis | Fault {
  const match = RFC_3339.exec(text);
  if (match === null) return { says: 'must be a date like 2026-11-22T15:00:00Z' };
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
  // A field that is too large would carry into the next one. A leap second (:60) has no number of its own in any clock here.
  const exists =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    offsetHours <= 23 &&
    offsetMinutes <= 59;
  if (!exists) return { says: `is a date that does not exist: ${text}` };
  const offset = (match[7] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * 60_000;
  const at = date.getTime() - offset;
  if (at < EARLIEST || at > LATEST) return { says: `must lie within the years 1 to 9999 in UTC: ${text} does not` };
  return at;
}

/** What keeps a text from being a date on the wire; undefined for a date. */
export function wireDateFault(text: string): Fault | undefined {
  const read = parseWireDate(text);
  return typeof read === 'number' ? undefined : read;
}
