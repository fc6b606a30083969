/**
 * Whether both databases can store a text and give the same text back: PostgreSQL takes no NUL, and half of a surrogate
 * pair has no form in UTF-8.
 */
export function isStorableText(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

/** What a refusal says of a text that is not storable, after the name of its field. */
export const NOT_STORABLE = 'must be text without the character NUL (U+0000) and without half a surrogate pair';
