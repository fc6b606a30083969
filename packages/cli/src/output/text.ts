/**
 * Makes text from elsewhere, such as a name, safe for a terminal. Control characters, which could move the cursor or change
 * earlier output, are escaped.
 */
export function escapeControl(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this function escapes control characters.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Quotes a word for a command that the user can paste into a shell, if necessary. */
export function quoteForShell(text: string): string {
  const escaped = escapeControl(text);
  return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(escaped) ? escaped : `'${escaped.replaceAll("'", "'\\''")}'`;
}
