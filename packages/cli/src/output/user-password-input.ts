import { text } from 'node:stream/consumers';

/** A password from stdin, without the line's end: as an argument it would be in the shell's history and in `ps`. */
export async function readPassword(): Promise<string> {
  if (process.stdin.isTTY) console.error('Type the password, then Enter and Ctrl-D:');
  return (await text(process.stdin)).replace(/\r?\n$/, '');
}
