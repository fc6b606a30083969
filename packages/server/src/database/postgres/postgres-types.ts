import { type CustomTypesConfig, types } from 'pg';
import { asSafeNumber } from '../safe-number.ts';

/** int8, and numeric, which is what PostgreSQL makes of a sum of int8. */
const NUMBERS: ReadonlySet<number> = new Set([types.builtins.INT8, types.builtins.NUMERIC]);

/** Numbers as JavaScript's, as SQLite gives them, those beyond 2^53 too. */
export const numbersAsNumbers: CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return NUMBERS.has(oid) && format !== 'binary' ? fromText : types.getTypeParser(oid, format);
  },
} as CustomTypesConfig;

function fromText(text: string): number {
  return asSafeNumber(Number(text));
}
