import { text } from 'node:stream/consumers';

/** Whether lines can be redrawn: the stream is a terminal with a known size. */
export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && stream.columns > 0 && stream.rows > 0;
}

/** Reads a password from stdin, without its line break. An argument would be in the shell's history and in `ps`. */
export async function readPassword(): Promise<string> {
  if (process.stdin.isTTY) console.error('Type the password, then press Enter and Ctrl-D:');
  return (await text(process.stdin)).replace(/\r?\n$/, '');
}
