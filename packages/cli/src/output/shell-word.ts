import { shownText } from './text.ts';

/** A word of a command that is shown to be typed or pasted: quoted where a shell would take it for something else. */
export function shellWord(text: string): string {
  const shown = shownText(text);
  return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}
