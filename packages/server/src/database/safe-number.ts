/**
 * Converts a number from the database to a JavaScript number. IDs and sums of bytes stay within ±(2^53 - 1). A value beyond
 * that is clamped, so that a single wrong row cannot break a list, a start, or its own repair. As a number of bytes, the
 * limit is still more than any quota or disk.
 */
export function toSafeNumber(value: bigint | number): number {
  const number = Number(value);
  if (number > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (number < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
  return number;
}
