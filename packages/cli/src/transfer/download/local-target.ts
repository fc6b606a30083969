import { lstat, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EXIT, Failure } from '../../exit-codes.ts';
import { shellWord } from '../../output/shell-word.ts';
import { shownText } from '../../output/text.ts';
import type { Wanted } from './download-file.ts';
import { localName } from './local-name.ts';
import { sha1OfFile } from './sha1-of-file.ts';

/** Where a file goes on this machine: into `to` where that is a folder, else it is `to` itself. */
export async function localTarget(to: string | undefined, name: string): Promise<string> {
  const found = to === undefined ? undefined : await statOf(to);
  if (to !== undefined && found?.isDirectory() !== true) {
    const folder = to.endsWith('/') ? resolve(to) : dirname(resolve(to));
    if (await isFolderHere(folder)) return resolve(to);
    const advice = `Make it first: mkdir -p ${shellWord(folder)}`;
    throw new Failure(EXIT.notThere, `There is no folder ${shownText(folder)} on this machine. ${advice}`);
  }
  return resolve(join(to ?? '.', localName(name)));
}

/** Whether the file is here already; refuses one that is another, unless it is to be replaced. */
export async function isHere(target: string, wanted: Wanted, { force }: { force: boolean }): Promise<boolean> {
  const itself = await statOf(target, lstat);
  if (itself === undefined) return false;
  const found = await statOf(target);
  if (found?.isFile() && found.size === wanted.size && (await sha1OfFile(target)) === wanted.sha1) return true;
  // A link is replaced itself; what it leads to stays as it is.
  if (force && (itself.isFile() || itself.isSymbolicLink())) return false;
  throw new Failure(
    EXIT.conflict,
    `${shownText(target)} is there, and is another one. Give another place with --to, or --force to replace it.`,
  );
}

async function statOf(path: string, look: typeof stat | typeof lstat = stat) {
  return await look(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}

export async function isFolderHere(path: string): Promise<boolean> {
  return (await statOf(path))?.isDirectory() === true;
}
