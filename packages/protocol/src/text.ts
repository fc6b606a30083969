/**
 * Whether both databases can store a text and give the same text back: PostgreSQL takes no NUL, and half of a surrogate
 * pair has no form in UTF-8.
 */
export function isStorableText(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

/** What a refusal says of a text that is not storable, after the name of its field. */
export const NOT_STORABLE = 'must be text without the character NUL (U+0000) and without half a surrogate pair';

/** The text without the slashes at its end; one look at each of them. */
export function trimSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '/') end -= 1;
  return text.slice(0, end);
}

/**
 * Text as it is compared: two texts that differ only in case, or in how their characters are composed, are the same.
 * This is Unicode's full case folding (CaseFolding.txt, statuses C and F) over canonical equivalence (Unicode 17, section
 * 3.13, D145), and the only place that does it: never SQL, whose two databases fold differently, and differently by locale.
 *
 * - `ß`, `ẞ`, `ss`, `SS` are the same, and so are `σ`, `ς`, `Σ`, wherever in a word they stand.
 * - Turkish has no rules of its own, because a name has no language: `I` is `i`, dotless `ı` is another letter, and `İ` is
 *   `i` with a dot above.
 * - Compatibility is not considered, beyond what folding does: full-width `Ａ` is not `a`.
 *
 * Keys of it stand in rows. Unicode guarantees that the folding of an assigned character does not change, so that another
 * version of Node makes the same keys.
 */
export function foldCase(text: string): string {
  if (isAscii(text)) return text.toLowerCase();
  // What folding makes may have to be put in order before it folds again (a Greek iota subscript behind an accent does).
  const once = foldCharacters(text.normalize('NFD')).normalize('NFD');
  return foldCharacters(once).normalize('NFC');
}

/**
 * Character by character, because lower case looks at the neighbors of a sigma. Lower case first, because `ẞ` has no upper
 * case but itself; then upper case, in which all variants of a letter meet; then lower case, as folding wants it.
 */
function foldCharacters(text: string): string {
  let folded = '';
  for (const character of text) {
    // The only character whose upper case is a letter that it does not fold to.
    if (character === 'ı') folded += character;
    else for (const upper of character.toLowerCase().toUpperCase()) folded += upper.toLowerCase();
  }
  return folded;
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}
