import { parseWireDate, wireDate } from '@partway/protocol/dates';
import type { Millis } from '@partway/protocol/ids';
import { ApiError } from '../api-error.ts';

export { wireDate };

/** The same of a moment that there may not be. */
export function dateOrNull(at: Millis | null): string | null {
  return at === null ? null : wireDate(at);
}

/** The moment in a field that its schema calls a `WireDate`; undefined where nothing is said. */
export function parseDate(field: string, text: string | null | undefined): Millis | undefined {
  if (text == null) return undefined;
  const read = parseWireDate(text);
  if (typeof read === 'number') return read;
  throw new ApiError('bad_request', `${field} ${read.says}.`);
}
