/**
 * The fields of a response that the client uses and therefore requires; other fields are ignored. `[shape]` is an array,
 * `nothing` is an empty body, `id` is an ID, and a field whose name ends in `?` can be missing or null.
 */
export type Shape =
  | 'nothing'
  | 'id'
  | 'string'
  | 'number'
  | 'boolean'
  | readonly [Shape]
  | { readonly [field: string]: Shape }
  | Literal;
/** A fixed string, such as the `type` of an object. */
type Literal = `=${string}`;

/** IDs become parts of URLs, paths and output, so nothing else is accepted. Those of Box are digits, hex or UUIDs. */
const ID = /^[\w-]{1,128}$/;

export function matchesShape(value: unknown, shape: Shape): boolean {
  if (typeof shape === 'string') {
    if (shape.startsWith('=')) return value === shape.slice(1);
    if (shape === 'nothing') return value === undefined;
    if (shape === 'id') return typeof value === 'string' && ID.test(value);
    return typeof value === shape && (shape !== 'number' || Number.isFinite(value));
  }
  if (Array.isArray(shape))
    return Array.isArray(value) && value.every((entry) => matchesShape(entry, shape[0] as Shape));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const object = value as Record<string, unknown>;
  return Object.entries(shape).every(([name, inner]) => {
    if (!name.endsWith('?')) return matchesShape(object[name], inner);
    const field = object[name.slice(0, -1)];
    return field === undefined || field === null || matchesShape(field, inner);
  });
}

const VERSION: Shape = { id: 'id' };
const FOLDER: Shape = { type: '=folder', id: 'id', name: 'string' };
const FILE: Shape = { type: '=file', id: 'id', name: 'string', size: 'number', sha1: 'string' };
export const FILE_VERSION: Shape = { id: 'id', sha1: 'string', size: 'number', name: 'string' };
export const UPLOADED_FILES: Shape = { entries: [FILE] };

/** Fields that a response contains if they were requested. */
const COMMON_FIELDS: Record<string, Shape> = { name: 'string', size: 'number', file_version: VERSION };
const FILE_FIELDS: Record<string, Shape> = { ...COMMON_FIELDS, sha1: 'string' };

/** The shape of an item that was requested with `fields`, or with its standard fields. */
export function itemShape(type: 'file' | 'folder', fields: readonly string[] | undefined): Shape {
  const standard = type === 'file' ? FILE : FOLDER;
  if (fields === undefined) return standard;
  return {
    type: `=${type}`,
    id: 'id',
    ...pickFields(type === 'file' ? FILE_FIELDS : { name: 'string', size: 'number' }, fields),
  };
}

/** The shape of the response to an upload that was requested with `fields`. */
export function uploadedShape(fields: readonly string[] | undefined): Shape {
  return { entries: [itemShape('file', fields)] };
}

/**
 * The shape of a page of items. It requires only what files, folders and web links have in common, and that IDs are texts: one
 * item with an impossible ID does not hide the others.
 */
export function itemPageShape(fields: readonly string[] | undefined): Shape {
  const common = fields === undefined || fields.includes('name') ? { name: 'string' as const } : {};
  return { entries: [{ type: 'string', id: 'string', ...common }], 'next_marker?': 'string' };
}

function pickFields(known: Record<string, Shape>, fields: readonly string[]): Record<string, Shape> {
  return Object.fromEntries(Object.entries(known).filter(([name]) => fields.includes(name)));
}
