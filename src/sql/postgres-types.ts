import { type CustomTypesConfig, types } from 'pg';

/** int8, and numeric, which is what PostgreSQL makes of a sum of int8. */
const NUMBERS: ReadonlySet<number> = new Set([types.builtins.INT8, types.builtins.NUMERIC]);

/** Numbers as JavaScript's, as SQLite gives them: ids and bytes of ours stay below 2^53. One beyond it is an error. */
export const numbersAsNumbers: CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return NUMBERS.has(oid) && format !== 'binary' ? exactly : types.getTypeParser(oid, format);
  },
} as CustomTypesConfig;

function exactly(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(
    `The database holds the number ${text}, which is no whole number that Partway could have written.`,
  );
}
