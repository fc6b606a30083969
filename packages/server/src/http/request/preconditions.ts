import type { IncomingHttpHeaders } from 'node:http';
import type { Millis } from '@partway/protocol/ids';
import { parseEntityTags } from './entity-tags.ts';
import { parseHttpDate } from './http-date.ts';

/** What tells one state of a resource from another. */
export interface Validators {
  /** A strong tag, without its quotes. */
  etag: string;
  /** `Last-Modified`, to the second. */
  modifiedAt: Millis;
  /** Whether that second names this state alone. Asked only if a date decides. */
  isDateStrong(): Promise<boolean>;
}

/** Of a GET or HEAD, in the order of RFC 9110, section 13.2.2: a tag decides, if there is one, before a date. */
export async function checkPreconditions(
  headers: IncomingHttpHeaders,
  state: Validators,
): Promise<'holds' | 'failed' | 'not-modified'> {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  const unmodifiedSince = parseHttpDate(headers['if-unmodified-since'] ?? '');
  if (match !== undefined) {
    if (!namesTag(match, state.etag, 'strong')) return 'failed';
  } else if (unmodifiedSince !== undefined) {
    if (state.modifiedAt > unmodifiedSince || (await isAmbiguous(unmodifiedSince, state))) return 'failed';
  }
  const modifiedSince = parseHttpDate(headers['if-modified-since'] ?? '');
  if (noneMatch !== undefined) {
    if (namesTag(noneMatch, state.etag, 'weak')) return 'not-modified';
  } else if (modifiedSince !== undefined) {
    if (state.modifiedAt <= modifiedSince && !(await isAmbiguous(modifiedSince, state))) return 'not-modified';
  }
  return 'holds';
}

/** Whether a range may be sent: `If-Range`, a strong tag or a date, names this very state (section 13.1.5). */
export async function mayResume({ 'if-range': header }: IncomingHttpHeaders, state: Validators): Promise<boolean> {
  if (header === undefined) return true;
  const date = parseHttpDate(String(header));
  if (date !== undefined) return date === state.modifiedAt && state.isDateStrong();
  const tags = parseEntityTags(String(header));
  return tags !== '*' && tags.length === 1 && namesTag(String(header), state.etag, 'strong');
}

function namesTag(header: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  const tags = parseEntityTags(header);
  return tags === '*' || tags.some(({ value, weak }) => value === etag && (comparison === 'weak' || !weak));
}

/** Whoever has a state of the same second may have another one. Later dates are not of a state: a clock chose them. */
async function isAmbiguous(date: Millis, state: Validators): Promise<boolean> {
  return date === state.modifiedAt && !(await state.isDateStrong());
}
