import type { ByteRange } from '../../storage/blob-store.ts';

const SPECIFIER = /^([0-9]*)-([0-9]*)$/;

/**
 * Parses a `Range` header for a resource of `size` bytes (RFC 9110, section 14). Returns the range to send, or
 * `unsatisfiable` if it is beyond the end. Returns undefined to send everything: for several ranges, another unit, or
 * an invalid header.
 */
export function parseRange(header: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const equals = header.indexOf('=');
  if (header.slice(0, equals).trim().toLowerCase() !== 'bytes') return undefined;
  const specifiers = header
    .slice(equals + 1)
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const satisfiable: ByteRange[] = [];
  for (const specifier of specifiers) {
    const [, first = '', last = ''] = SPECIFIER.exec(specifier) ?? [];
    if ((first === '' && last === '') || (first !== '' && last !== '' && Number(last) < Number(first)))
      return undefined;
    // A suffix that is longer than the file selects all of it, even if the file is empty.
    if (first === '' && size === 0 && Number(last) > 0) return undefined;
    const range =
      first === ''
        ? suffixRange(Number(last), size)
        : { first: Number(first), last: Math.min(last === '' ? Infinity : Number(last), size - 1) };
    if (range.first <= range.last && range.first < size) satisfiable.push(range);
  }
  if (specifiers.length === 0) return undefined;
  if (satisfiable.length === 0) return 'unsatisfiable';
  return satisfiable.length === 1 ? satisfiable[0] : undefined;
}

function suffixRange(length: number, size: number): ByteRange {
  return { first: Math.max(0, size - length), last: size - 1 };
}
