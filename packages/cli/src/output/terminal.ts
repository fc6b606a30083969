import { text } from 'node:stream/consumers';

/** Whether a person reads the stream: it is a terminal with a known size. */
export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && stream.columns > 0 && stream.rows > 0;
}

/** Whether lines can be redrawn, which a dumb terminal cannot. */
export function canRedraw(stream: NodeJS.WriteStream): boolean {
  return isTerminal(stream) && process.env.TERM !== 'dumb';
}

/** Reads a password from stdin, without its line break. An argument would be in the shell's history and in `ps`. */
export async function readPassword(): Promise<string> {
  if (process.stdin.isTTY) console.error('Type the password, then press Enter and Ctrl-D:');
  return (await text(process.stdin)).replace(/\r?\n$/, '');
}
