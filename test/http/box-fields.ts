import { readFileSync } from 'node:fs';
import { getNote } from '../../packages/protocol/src/schemas/field-notes.ts';
import { REQUESTS } from '../../packages/protocol/src/schemas/requests.ts';

type Place = 'body' | 'query' | 'headers';

/** A field that Box documents for a call, and our schema for it. */
export interface BoxField {
  call: string;
  place: Place;
  /** `parent.id`, `tags[]` */
  path: string;
  type: string;
  /** Undefined if our schema does not have it. */
  schema: object | undefined;
  /** What happens to it, if it is neither stored nor acted on. */
  note: ReturnType<typeof getNote>;
  /** The path of the field with that note: this field, or one that contains it. */
  noted: string;
}

interface Facts {
  commit: string;
  operations: Record<string, Record<Place, Record<string, string>>>;
}

export const FACTS = JSON.parse(readFileSync(new URL('./box-request-fields.json', import.meta.url), 'utf8')) as Facts;

/** Every field that Box documents for the calls that are implemented here. */
export function boxFields(): BoxField[] {
  return Object.entries(FACTS.operations).flatMap(([call, places]) =>
    (['body', 'query', 'headers'] as const).flatMap((place) =>
      Object.entries(places[place]).map(([path, type]) => ({ call, place, path, type, ...find(call, place, path) })),
    ),
  );
}

function find(call: string, place: Place, path: string): Pick<BoxField, 'schema' | 'note' | 'noted'> {
  const names = path.replaceAll('[]', '.[]').split('.');
  const root = REQUESTS[call]?.[place];
  let schema = place === 'body' ? root : { properties: root };
  for (const [depth, name] of names.entries()) {
    schema = schema === undefined ? undefined : member(schema, name);
    if (schema === undefined) break;
    const note = getNote(schema);
    const noted = names
      .slice(0, depth + 1)
      .join('.')
      .replaceAll('.[]', '[]');
    if (note !== undefined) return { schema, note, noted };
  }
  return { schema, note: undefined, noted: path };
}

/** A property or the items of a schema, even if it can be null. */
function member(schema: object, name: string): object | undefined {
  const {
    anyOf = [],
    properties,
    items,
  } = schema as {
    anyOf?: object[];
    properties?: Record<string, object>;
    items?: object;
  };
  const own = name === '[]' ? items : properties?.[name];
  return own ?? anyOf.map((branch) => member(branch, name)).find((found) => found !== undefined);
}
