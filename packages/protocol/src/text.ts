/**
 * Whether both databases can store a text without changing it: PostgreSQL refuses NUL, and UTF-8 cannot encode an
 * unpaired surrogate.
 */
export function isStorableText(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

/** The error message for a text that cannot be stored, after the name of its field. */
export const NOT_STORABLE = 'must not contain NUL (U+0000) or an unpaired surrogate';

/** Removes all slashes from the end of a text, in linear time. */
export function trimSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '/') end -= 1;
  return text.slice(0, end);
}

/**
 * Folds a text for comparison: two texts that differ only in case or in Unicode composition get the same result. This
 * is Unicode's full case folding (CaseFolding.txt, statuses C and F) over canonical equivalence (Unicode 17, section
 * 3.13, D145). It is done only here and never in SQL, because the two databases fold differently, also by locale.
 *
 * - `ß`, `ẞ`, `ss` and `SS` are the same, and so are `σ`, `ς` and `Σ`, regardless of their position in a word.
 * - There are no special rules for Turkish, because a name has no language: `I` is `i`, dotless `ı` is another letter,
 *   and `İ` is `i` with a dot above.
 * - Compatibility forms differ unless case folding maps them: full-width `Ａ` is not `a`.
 *
 * The result is stored in rows. Unicode guarantees that the folding of an assigned character never changes, so other
 * versions of Node.js compute the same keys.
 */
export function foldCase(text: string): string {
  if (isAscii(text)) return text.toLowerCase();
  // The folded text may need normalizing before it folds completely, such as a Greek iota subscript after an accent.
  const once = foldCharacters(text.normalize('NFD')).normalize('NFD');
  return foldCharacters(once).normalize('NFC');
}

/**
 * Folds each character by itself, because `toLowerCase` looks at the neighbors of a sigma. Lowercase comes first, because
 * `ẞ` is its own uppercase; then uppercase, which all variants of a letter share; then lowercase, as case folding has it.
 */
function foldCharacters(text: string): string {
  let folded = '';
  for (const character of text) {
    // The only character with an uppercase letter that it does not fold to.
    if (character === 'ı') folded += character;
    else for (const upper of character.toLowerCase().toUpperCase()) folded += upper.toLowerCase();
  }
  return folded;
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}
