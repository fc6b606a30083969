import { Type } from 'typebox';

/**
 * Notes about documented request fields that are neither stored nor acted on. They are part of the schema, so that the
 * same reason is in the error message and in docs/use/api-coverage.md, and a test can compare them with Box's own list.
 */

/** A field that is accepted with any value and has no effect. `reason` says why it needs none. */
export function ignored(reason: string) {
  return Type.Optional(Type.Unknown({ ignored: reason }));
}

export interface Refused {
  /** Why, as the end of the sentence "… cannot be set: …". */
  reason: string;
  /** Values that are accepted, because they request no change. Null is one of them unless `refusesNull` is set. */
  accepts: readonly unknown[];
  refusesNull: boolean;
}

/** A field for a feature that the server does not have: rejected with `reason`, except for values that request nothing. */
export function refused(
  reason: string,
  { accepts = [], refusesNull = false }: { accepts?: readonly unknown[]; refusesNull?: boolean } = {},
) {
  const note: Refused = { reason, accepts, refusesNull };
  return Type.Optional(Type.Unknown({ refused: note }));
}

/** Whether a value of a refused field is accepted, because it requests nothing. */
export function isNoOp({ accepts, refusesNull }: Refused, value: unknown): boolean {
  if (value === null) return !refusesNull;
  return accepts.some((accepted) => JSON.stringify(accepted) === JSON.stringify(value));
}

/** Returns the note in a field's schema, or undefined if the field is stored or acted on. */
export function getNote(schema: object): { ignored: string } | { refused: Refused } | undefined {
  if ('ignored' in schema && typeof schema.ignored === 'string') return { ignored: schema.ignored };
  if ('refused' in schema) return { refused: schema.refused as Refused };
  return undefined;
}
