import type { Fault } from '@partway/protocol/fault';
import { FORMATS } from '@partway/protocol/formats';
import { isNoRequest, type Refused } from '@partway/protocol/schemas/field-notes';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from 'typebox';

/**
 * Fastify brings it along; TypeBox's own checker would be 300 modules more to load at every start. The schemas come from
 * TypeBox, so that checking each against JSON Schema's own would only cost time.
 */
const ajv = new Ajv({ verbose: true, meta: false, validateSchema: false });
for (const [format, faultOf] of Object.entries(FORMATS)) {
  ajv.addFormat(format, (text: string) => faultOf(text) === undefined);
}
ajv.addKeyword({ keyword: 'ignored', schemaType: 'string' });
ajv.addKeyword({
  keyword: 'refused',
  schemaType: 'object',
  errors: false,
  validate: (note: Refused, value: unknown) => isNoRequest(note, value),
});

/**
 * Makes a check of values against a schema, with the formats of the API. Compiling takes milliseconds, and a server has
 * some sixty schemas: each is compiled when it is needed for the first time, or they would be a quarter of every start.
 */
export function createSchemaCheck<Schema extends TSchema>(schema: Schema): () => ValidateFunction<Static<Schema>> {
  let check: ValidateFunction<Static<Schema>> | undefined;
  return () => {
    check ??= ajv.compile<Static<Schema>>(schema);
    return check;
  };
}

/** What a value's first fault is: said as the concept says it, or else as JSON Schema does. */
export function toFault({ keyword, params, schema, data, message }: ErrorObject): Fault {
  if (keyword === 'refused') return { says: `cannot be set: ${(schema as Refused).reason}` };
  if (keyword === 'enum') return { says: `must be one of ${(params.allowedValues as unknown[]).join(', ')}` };
  if (keyword === 'const') return { says: `must be ${JSON.stringify(params.allowedValue)}` };
  const fault = keyword === 'format' ? FORMATS[String(params.format)]?.(String(data)) : undefined;
  return fault ?? { says: message ?? 'is not what this call takes' };
}
