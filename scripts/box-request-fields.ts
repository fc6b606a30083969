import { readFileSync, writeFileSync } from 'node:fs';
import { REQUESTS } from '../packages/protocol/src/schemas/requests.ts';

/**
 * Derives test/http/box-request-fields.json from Box's description of its API: which fields the API calls that Partway
 * supports have, and their types. Only these facts are kept.
 *
 *     npx node scripts/box-request-fields.ts PATH/TO/openapi.json COMMIT
 *
 * The file is openapi.json of https://github.com/box/box-openapi, COMMIT the commit that it is from.
 */

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  type?: string;
  format?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
}
interface Operation {
  parameters?: (Schema & { in?: string; name?: string; schema?: Schema })[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

const [file, commit] = process.argv.slice(2);
if (file === undefined || commit === undefined) throw new Error('Pass the path of openapi.json and its commit.');
const document = JSON.parse(readFileSync(file, 'utf8')) as { paths: Record<string, Record<string, Operation>> };

const operations: Record<string, Record<string, Record<string, string>>> = {};
for (const [path, methods] of Object.entries(document.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    // The part after # distinguishes variants of one call.
    const call = `${method.toUpperCase()} ${path.split('#', 1)[0]}`;
    if (!Object.hasOwn(REQUESTS, call)) continue;
    const known = operations[call] ?? { body: {}, query: {}, headers: {} };
    operations[call] = known;
    for (const parameter of (operation.parameters ?? []).map(resolved)) {
      if (parameter.in === 'query')
        Object.assign(known.query ?? {}, { [parameter.name ?? '']: typeOf(parameter.schema) });
      if (parameter.in === 'header')
        Object.assign(known.headers ?? {}, { [parameter.name ?? '']: typeOf(parameter.schema) });
    }
    for (const { schema } of Object.values(operation.requestBody?.content ?? {}))
      addFields(schema, '', known.body ?? {});
  }
}
const missing = Object.keys(REQUESTS).filter((call) => !Object.hasOwn(operations, call));
if (missing.length > 0) throw new Error(`Box does not document these calls: ${missing.join(', ')}`);

const facts = { source: 'https://github.com/box/box-openapi', file: 'openapi.json', commit, operations };
writeFileSync(
  new URL('../test/http/box-request-fields.json', import.meta.url),
  `${JSON.stringify(facts, undefined, 2)}\n`,
);

/** The fields below a schema, by their paths: `parent.id`, `tags[]`. */
function addFields(schema: Schema, path: string, into: Record<string, string>): void {
  const { properties = {}, items, type, format } = resolved(schema);
  if (path !== '' && format !== 'binary') into[path] = type ?? 'object';
  for (const [name, property] of Object.entries(properties)) {
    addFields(property, path === '' ? name : `${path}.${name}`, into);
  }
  if (items !== undefined) addFields(items, `${path}[]`, into);
}

function typeOf(schema: Schema | undefined): string {
  return (schema && resolved(schema).type) ?? 'string';
}

function resolved<Found extends Schema>(schema: Found): Found {
  if (schema.$ref !== undefined) {
    const names = schema.$ref.slice(2).split('/');
    return resolved(names.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], document) as Found);
  }
  if (schema.allOf === undefined) return schema;
  const parts = schema.allOf.map(resolved);
  return {
    ...schema,
    ...Object.assign({}, ...parts),
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
  };
}
