/**
 * What an answer must hold at least: the fields that the client uses. Further fields are the server's affair. `['…']` is an
 * array of that; `nothing` is an empty body; a name that ends in `?` may be missing or null.
 */
export type Shape =
  | 'nothing'
  | 'string'
  | 'number'
  | 'boolean'
  | readonly [Shape]
  | { readonly [field: string]: Shape }
  | Literal;
/** One text and no other, such as the `type` of an object. */
type Literal = `=${string}`;

/** Whether `value` has this shape. */
export function matchesShape(value: unknown, shape: Shape): boolean {
  if (typeof shape === 'string') {
    if (shape.startsWith('=')) return value === shape.slice(1);
    if (shape === 'nothing') return value === undefined;
    return typeof value === shape && (shape !== 'number' || Number.isFinite(value));
  }
  if (Array.isArray(shape))
    return Array.isArray(value) && value.every((entry) => matchesShape(entry, shape[0] as Shape));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const object = value as Record<string, unknown>;
  return Object.entries(shape).every(([name, inner]) => {
    if (!name.endsWith('?')) return matchesShape(object[name], inner);
    const given = object[name.slice(0, -1)];
    return given === undefined || given === null || matchesShape(given, inner);
  });
}

const VERSION: Shape = { id: 'string' };
const FOLDER: Shape = { type: '=folder', id: 'string', name: 'string' };
const FILE: Shape = { type: '=file', id: 'string', name: 'string', size: 'number', sha1: 'string' };
export const FILE_VERSION: Shape = { id: 'string', sha1: 'string', size: 'number', name: 'string' };
export const UPLOADED: Shape = { entries: [FILE] };

/** Fields that every file or folder has, as far as they are asked for. */
const KNOWN: Record<string, Shape> = { name: 'string', size: 'number', file_version: VERSION };
const KNOWN_OF_FILES: Record<string, Shape> = { ...KNOWN, sha1: 'string' };

/** An item of which `fields` were asked for, or its standard fields. */
export function itemShape(type: 'file' | 'folder', fields: readonly string[] | undefined): Shape {
  const standard = type === 'file' ? FILE : FOLDER;
  if (fields === undefined) return standard;
  return {
    type: `=${type}`,
    id: 'string',
    ...asked(type === 'file' ? KNOWN_OF_FILES : { name: 'string', size: 'number' }, fields),
  };
}

/** What an upload answers, with the fields that were asked for. */
export function uploadedShape(fields: readonly string[] | undefined): Shape {
  return { entries: [itemShape('file', fields)] };
}

/** A page of a list of items; of entries only what files, folders and web links have in common. */
export function itemPageShape(fields: readonly string[] | undefined): Shape {
  const common = fields === undefined || fields.includes('name') ? { name: 'string' as const } : {};
  return { entries: [{ type: 'string', id: 'string', ...common }], 'next_marker?': 'string' };
}

function asked(known: Record<string, Shape>, fields: readonly string[]): Record<string, Shape> {
  return Object.fromEntries(Object.entries(known).filter(([name]) => fields.includes(name)));
}
