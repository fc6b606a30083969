import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';

/** The fields of an object that a response contains. Undefined means the standard ones. */
export type Fields = ReadonlySet<string>;

/** Fields that every response contains. */
const REQUIRED_FIELDS = ['type', 'id', 'etag'];
/** Limit for different names in `fields`, because each is looked up for every entry. No object has as many fields. */
const MAX_FIELDS = 100;

/** Parses the `fields` of a request. Returns undefined for the standard fields. Throws `bad_request` for too many. */
export function parseFields(request: FastifyRequest): Fields | undefined {
  const { fields } = request.query as { fields?: string | string[] };
  const names = [fields ?? []].flat().flatMap((list) => list.split(','));
  const requested = new Set(names.map((name) => name.trim()).filter((name) => name !== ''));
  if (requested.size > MAX_FIELDS) {
    throw new ApiError('bad_request', `fields contains ${requested.size} names; the maximum is ${MAX_FIELDS}.`);
  }
  return requested.size === 0 ? undefined : new Set([...REQUIRED_FIELDS, ...requested]);
}

/** A function for each field, so that only requested fields are rendered. */
export type FieldRenderers<Entry> = ReadonlyMap<string, (entry: Entry) => unknown>;

/** Renders an object with these fields. Unknown names are skipped, as in Box. */
export function renderFields<Entry>(
  entry: Entry,
  renderers: FieldRenderers<Entry>,
  names: Iterable<string>,
): Record<string, unknown> {
  const rendered: Record<string, unknown> = {};
  for (const name of names) {
    const render = renderers.get(name);
    if (render !== undefined) rendered[name] = render(entry);
  }
  return rendered;
}
