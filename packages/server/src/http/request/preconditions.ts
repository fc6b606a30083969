import type { IncomingHttpHeaders } from 'node:http';
import type { Millis } from '@partway/protocol/ids';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ItemRow } from '../../database/schema.ts';
import { matchesEtag } from '../../files/get-item.ts';

/** The validators of a resource's current state (RFC 9110, section 8.8). */
export interface Validators {
  /** A strong entity tag, without quotes. */
  etag: string;
  /** `Last-Modified`, to the second. */
  modifiedAt: Millis;
  /** Whether no other state has the same date. Called only if a date decides. */
  isDateStrong(): Promise<boolean>;
}

/** Evaluates the preconditions of a GET or HEAD, in the order of RFC 9110, section 13.2.2: tags override dates. */
export async function checkPreconditions(
  headers: IncomingHttpHeaders,
  state: Validators,
): Promise<'holds' | 'failed' | 'not-modified'> {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  const unmodifiedSince = parseHttpDate(headers['if-unmodified-since'] ?? '');
  if (match !== undefined) {
    if (!matchesTag(match, state.etag, 'strong')) return 'failed';
  } else if (unmodifiedSince !== undefined) {
    if (state.modifiedAt > unmodifiedSince || (await isAmbiguous(unmodifiedSince, state))) return 'failed';
  }
  const modifiedSince = parseHttpDate(headers['if-modified-since'] ?? '');
  if (noneMatch !== undefined) {
    if (matchesTag(noneMatch, state.etag, 'weak')) return 'not-modified';
  } else if (modifiedSince !== undefined) {
    if (state.modifiedAt <= modifiedSince && !(await isAmbiguous(modifiedSince, state))) return 'not-modified';
  }
  return 'holds';
}

/** Whether a range can be sent: `If-Range` is absent, or matches the current state (RFC 9110, section 13.1.5). */
export async function canSendRange({ 'if-range': header }: IncomingHttpHeaders, state: Validators): Promise<boolean> {
  if (header === undefined) return true;
  const date = parseHttpDate(String(header));
  if (date !== undefined) return date === state.modifiedAt && state.isDateStrong();
  const tags = parseEntityTags(String(header));
  return tags !== '*' && tags.length === 1 && matchesTag(String(header), state.etag, 'strong');
}

function matchesTag(header: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  const tags = parseEntityTags(header);
  return tags === '*' || tags.some(({ value, weak }) => value === etag && (comparison === 'weak' || !weak));
}

/**
 * Whether the client could have another state from the same second. Only an equal date is ambiguous: later dates come
 * from the client's clock, not from `Last-Modified`.
 */
async function isAmbiguous(date: Millis, state: Validators): Promise<boolean> {
  return date === state.modifiedAt && !(await state.isDateStrong());
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The three date formats of RFC 9110, section 5.6.7. The second and third are obsolete but must be supported. */
const IMF_FIXDATE = /^[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$/;
const RFC_850 = /^[A-Z][a-z]{5,8}, ([0-9]{2})-([A-Z][a-z]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ 0-9][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})$/;

/** Parses an HTTP date to milliseconds since 1970. Returns undefined for an invalid date, which servers must ignore. */
export function parseHttpDate(text: string, now = Date.now()): number | undefined {
  const imf = IMF_FIXDATE.exec(text);
  if (imf !== null) return toMillis(imf[3], imf[2], imf[1], imf.slice(4));
  const rfc850 = RFC_850.exec(text);
  if (rfc850 !== null) return toMillis(nearestYear(Number(rfc850[3]), now), rfc850[2], rfc850[1], rfc850.slice(4));
  const asctime = ASCTIME.exec(text);
  return asctime === null ? undefined : toMillis(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
}

/** A date more than 50 years in the future is in the past century. */
function nearestYear(twoDigits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

function toMillis(
  year: string | number | undefined,
  month: string | undefined,
  day: string | undefined,
  time: (string | undefined)[],
): number | undefined {
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number);
  const monthIndex = MONTHS.indexOf(month ?? '');
  if (monthIndex < 0 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const at = Date.UTC(Number(year), monthIndex, Number(day), hours, minutes, seconds);
  return new Date(at - seconds * 1000).getUTCDate() === Number(day) ? at : undefined;
}

/** An entity tag: `"x"` or `W/"x"`, or `x`, because Box's etags are sent without quotes. */
interface EntityTag {
  value: string;
  weak: boolean;
}

/**
 * Parses the tags of `If-Match`, `If-None-Match` or `If-Range`, or `*` for any (RFC 9110, section 8.8.3), in linear
 * time. Invalid tags are skipped, so that they match nothing.
 */
export function parseEntityTags(header: string): EntityTag[] | '*' {
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  for (let at = 0; at < header.length; ) {
    const weak = header.startsWith('W/"', at);
    const start = weak ? at + 2 : at;
    const quoted = header[start] === '"';
    const end = header.indexOf(quoted ? '"' : ',', start + 1);
    const tagEnd = end < 0 ? header.length : end;
    if (header[at] === ',' || header[at] === ' ' || header[at] === '\t') {
      at += 1;
    } else if (quoted) {
      if (end >= 0) tags.push({ value: header.slice(start + 1, tagEnd), weak });
      at = tagEnd + 1;
    } else {
      tags.push({ value: header.slice(start, tagEnd).trim(), weak: false });
      at = tagEnd;
    }
  }
  return tags;
}

/** Whether the client already has the current state of the item, so that the response is 304. */
export function isUnmodified(request: FastifyRequest, item: ItemRow): boolean {
  const header = request.headers['if-none-match'];
  return header !== undefined && matchesEtag(header, item.etag);
}

export function sendNotModified(reply: FastifyReply): FastifyReply {
  return reply.code(304).send();
}
