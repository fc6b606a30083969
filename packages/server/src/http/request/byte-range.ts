import type { ByteRange } from '../../storage/blob-store.ts';

const SPECIFIER = /^([0-9]*)-([0-9]*)$/;

/**
 * What a `Range` asks for of `size` bytes (RFC 9110, section 14): the one range to send; `unsatisfiable` if nothing that it
 * names is there; undefined for all of it, which is also the answer to several ranges, another unit, and what is no range.
 */
export function parseRange(header: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const equals = header.indexOf('=');
  if (header.slice(0, equals).trim().toLowerCase() !== 'bytes') return undefined;
  const specifiers = header
    .slice(equals + 1)
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const there: ByteRange[] = [];
  for (const specifier of specifiers) {
    const [, first = '', last = ''] = SPECIFIER.exec(specifier) ?? [];
    if ((first === '' && last === '') || (first !== '' && last !== '' && Number(last) < Number(first)))
      return undefined;
    // An empty file is shorter than any suffix, and so all of it is meant.
    if (first === '' && size === 0 && Number(last) > 0) return undefined;
    const range =
      first === ''
        ? suffixRange(Number(last), size)
        : { first: Number(first), last: Math.min(last === '' ? Infinity : Number(last), size - 1) };
    if (range.first <= range.last && range.first < size) there.push(range);
  }
  if (specifiers.length === 0) return undefined;
  if (there.length === 0) return 'unsatisfiable';
  return there.length === 1 ? there[0] : undefined;
}

function suffixRange(length: number, size: number): ByteRange {
  return { first: Math.max(0, size - length), last: size - 1 };
}
