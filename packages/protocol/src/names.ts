import type { Fault } from './fault.ts';

/** Code points, as people count characters, whatever they take in UTF-8 or UTF-16. */
export const MOST_NAME_CHARACTERS = 255;

/**
 * What keeps a text from being the name of a file or folder (wire: "Errors", names); undefined for a name. A name is
 * kept as it was sent; `nameKey` says which two are the same.
 */
export function itemNameFault(name: string): Fault | undefined {
  const why = reasonAgainst(name);
  if (why !== undefined) return { says: `cannot be used as a name: ${why}`, code: 'item_name_invalid' };
  // No more code points than UTF-16 units, and no fewer than half of them: a huge text is not taken apart.
  if (name.length > 2 * MOST_NAME_CHARACTERS || [...name].length > MOST_NAME_CHARACTERS) {
    return { says: `must have at most ${MOST_NAME_CHARACTERS} characters`, code: 'item_name_too_long' };
  }
  return undefined;
}

function reasonAgainst(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return `"${name}" means another folder`;
  if (/[/\\]/.test(name)) return 'it contains a slash or backslash';
  if (/\p{Cc}/u.test(name)) return 'it contains a control character';
  if (name.endsWith(' ')) return 'it ends with a space';
  if (!name.isWellFormed()) return 'it is not valid Unicode';
  return undefined;
}
