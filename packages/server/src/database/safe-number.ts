/**
 * A number of the database as JavaScript's. Ids and sums of bytes stay within ±(2^53 - 1); one beyond that comes as that
 * bound, so that a single row, however it came about, stops neither a list nor a start nor what would repair it. As a
 * number of bytes it is still more than any quota or disk.
 */
export function toSafeNumber(value: bigint | number): number {
  const number = Number(value);
  if (number > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (number < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
  return number;
}
