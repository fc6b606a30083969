import { parseWireDate, wireDate } from '@partway/protocol/dates';
import type { Millis } from '@partway/protocol/ids';
import { ApiError } from '../api-error.ts';

export { wireDate };

export function dateOrNull(at: Millis | null): string | null {
  return at === null ? null : wireDate(at);
}

/** Parses a date in a field. Returns undefined if the field is missing or null. Throws `bad_request`. */
export function parseDate(field: string, text: string | null | undefined): Millis | undefined {
  if (text == null) return undefined;
  const read = parseWireDate(text);
  if (typeof read === 'number') return read;
  throw new ApiError('bad_request', `${field} ${read.message}.`);
}
