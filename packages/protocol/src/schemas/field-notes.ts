import { Type } from 'typebox';

/**
 * What becomes of a documented field of a request that is neither stored nor acted on. It is said in the schema, so that
 * the same words refuse the field, stand in docs/use/api-coverage.md, and answer the test that walks over Box's own list.
 */

/** A field that has no effect here, whatever it says, and needs none: `reason` says why. */
export function ignored(reason: string) {
  return Type.Optional(Type.Unknown({ ignored: reason }));
}

export interface Refused {
  /** Why, as the end of the sentence "… cannot be set: ". */
  reason: string;
  /** Values that ask for nothing: how the field is here anyway. Null is one of them unless `nullToo`. */
  accepts: readonly unknown[];
  nullToo: boolean;
}

/** A field that asks for what this server does not do. Refused by name, except for values that ask for nothing. */
export function refused(
  reason: string,
  { accepts = [], nullToo = false }: { accepts?: readonly unknown[]; nullToo?: boolean } = {},
) {
  const note: Refused = { reason, accepts, nullToo };
  return Type.Optional(Type.Unknown({ refused: note }));
}

/** Whether a value of a refused field asks for nothing. */
export function isNoRequest({ accepts, nullToo }: Refused, value: unknown): boolean {
  if (value === null) return !nullToo;
  return accepts.some((accepted) => JSON.stringify(accepted) === JSON.stringify(value));
}

/** What a schema says becomes of a field; undefined for one that is stored or acted on. */
export function getNote(schema: object): { ignored: string } | { refused: Refused } | undefined {
  if ('ignored' in schema && typeof schema.ignored === 'string') return { ignored: schema.ignored };
  if ('refused' in schema) return { refused: schema.refused as Refused };
  return undefined;
}
