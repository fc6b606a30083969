import type { Fault } from '@partway/protocol/fault';
import { FORMATS } from '@partway/protocol/formats';
import { isNoOp, type Refused } from '@partway/protocol/schemas/field-notes';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from 'typebox';

/**
 * Ajv is a dependency of Fastify anyway; TypeBox's own checker would load 300 more modules at every start. The schemas
 * come from TypeBox, so they do not have to be validated against the meta-schema.
 */
const ajv = new Ajv({ verbose: true, meta: false, validateSchema: false });
for (const [format, findFault] of Object.entries(FORMATS)) {
  ajv.addFormat(format, (text: string) => findFault(text) === undefined);
}
ajv.addKeyword({ keyword: 'ignored', schemaType: 'string' });
ajv.addKeyword({
  keyword: 'refused',
  schemaType: 'object',
  errors: false,
  validate: (note: Refused, value: unknown) => isNoOp(note, value),
});

/**
 * Creates a check for a schema with the API's formats. The schema is compiled when it is first used: compiling takes
 * milliseconds, and compiling all 60 schemas at the start would take a quarter of the start time.
 */
export function createSchemaCheck<Schema extends TSchema>(schema: Schema): () => ValidateFunction<Static<Schema>> {
  let check: ValidateFunction<Static<Schema>> | undefined;
  return () => {
    check ??= ajv.compile<Static<Schema>>(schema);
    return check;
  };
}

/** Converts a validation error to a fault, with the message of the field or format, or else JSON Schema's. */
export function toFault({ keyword, params, schema, data, message }: ErrorObject): Fault {
  if (keyword === 'refused') return { message: `cannot be set: ${(schema as Refused).reason}` };
  if (keyword === 'enum') return { message: `must be one of ${(params.allowedValues as unknown[]).join(', ')}` };
  if (keyword === 'const') return { message: `must be ${JSON.stringify(params.allowedValue)}` };
  const fault = keyword === 'format' ? FORMATS[String(params.format)]?.(String(data)) : undefined;
  return fault ?? { message: message ?? 'is invalid for this request' };
}
