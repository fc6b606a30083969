import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from 'typebox';
import type { Fault } from '../api/fault.ts';
import { FORMATS } from '../api/formats.ts';

/** Fastify brings it along; TypeBox's own checker would be 300 modules more to load at every start. */
const ajv = new Ajv({ verbose: true });
for (const [format, faultOf] of Object.entries(FORMATS)) {
  ajv.addFormat(format, (text: string) => faultOf(text) === undefined);
}

/** Makes a check of values against a schema, with the formats of the API. */
export function compileSchema<Schema extends TSchema>(schema: Schema): ValidateFunction<Static<Schema>> {
  return ajv.compile<Static<Schema>>(schema);
}

/** What a value's first fault is: said as the concept says it, or else as JSON Schema does. */
export function faultOf({ keyword, params, data, message }: ErrorObject): Fault {
  const fault = keyword === 'format' ? FORMATS[String(params.format)]?.(String(data)) : undefined;
  return fault ?? { says: message ?? 'is not what this call takes' };
}
