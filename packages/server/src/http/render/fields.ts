import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';

/** Which fields of an object an answer holds; undefined for the standard ones. */
export type Fields = ReadonlySet<string>;

/** What every answer holds, whatever was asked for. */
const REQUIRED_FIELDS = ['type', 'id', 'etag'];
/** Different names in one `fields`: more than any object has. Each is looked up for every entry of a page. */
const MAX_FIELDS = 100;

/** The `fields` of a request; none, where the standard fields are meant. Refuses `bad_request` for too many. */
export function parseFields(request: FastifyRequest): Fields | undefined {
  const { fields } = request.query as { fields?: string | string[] };
  const names = [fields ?? []].flat().flatMap((list) => list.split(','));
  const asked = new Set(names.map((name) => name.trim()).filter((name) => name !== ''));
  if (asked.size > MAX_FIELDS) {
    throw new ApiError('bad_request', `fields names ${asked.size} fields, and may name ${MAX_FIELDS}.`);
  }
  return asked.size === 0 ? undefined : new Set([...REQUIRED_FIELDS, ...asked]);
}

/** How each field of an object is made, so that only those asked for are. */
export type FieldRenderers<Entry> = ReadonlyMap<string, (entry: Entry) => unknown>;

/** The object with these fields; names that nobody knows are passed over, as Box does. */
export function renderFields<Entry>(
  entry: Entry,
  makers: FieldRenderers<Entry>,
  names: Iterable<string>,
): Record<string, unknown> {
  const rendered: Record<string, unknown> = {};
  for (const name of names) {
    const make = makers.get(name);
    if (make !== undefined) rendered[name] = make(entry);
  }
  return rendered;
}
