/**
 * Text from elsewhere, such as a name, as it may be put on a terminal: control characters, with which it could move the
 * cursor or change what was printed before, become visible.
 */
export function escapeControl(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A word of a command that is shown to be typed or pasted: quoted where a shell would take it for something else. */
export function quoteForShell(text: string): string {
  const shown = escapeControl(text);
  return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}
