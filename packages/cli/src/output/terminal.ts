import { text } from 'node:stream/consumers';

/** Whether lines can be drawn over and over there: a terminal that says how large it is. */
export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && stream.columns > 0 && stream.rows > 0;
}

/** A password from stdin, without the line's end: as an argument it would be in the shell's history and in `ps`. */
export async function readPassword(): Promise<string> {
  if (process.stdin.isTTY) console.error('Type the password, then Enter and Ctrl-D:');
  return (await text(process.stdin)).replace(/\r?\n$/, '');
}
