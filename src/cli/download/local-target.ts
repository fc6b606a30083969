import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { EXIT, Failure } from '../exit-codes.ts';
import { sha1OfFile } from '../sha1-of-file.ts';
import { shownText } from '../term/shown-text.ts';
import type { Wanted } from './download-file.ts';

/** Where a file goes on this machine: into `to` where that is a folder, else it is `to` itself. */
export async function localTarget(to: string | undefined, name: string): Promise<string> {
  const found = to === undefined ? undefined : await statOf(to);
  if (to !== undefined && found?.isDirectory() !== true) {
    if (to.endsWith('/')) throw new Failure(EXIT.notThere, `There is no folder ${shownText(to)} on this machine.`);
    return resolve(to);
  }
  // The server's word: it must not lead out of the folder.
  if (name === '' || name === '.' || name === '..' || basename(name) !== name || name.includes('\0')) {
    throw new Failure(EXIT.failed, `${shownText(name)} cannot be the name of a file here. Give another with --to.`);
  }
  return resolve(join(to ?? '.', name));
}

/** Whether the file is here already; refuses one that is another, unless it is to be replaced. */
export async function isHere(target: string, wanted: Wanted, { force }: { force: boolean }): Promise<boolean> {
  const found = await statOf(target);
  if (found === undefined) return false;
  if (found.isFile() && found.size === wanted.size && (await sha1OfFile(target)) === wanted.sha1) return true;
  if (force && found.isFile()) return false;
  throw new Failure(
    EXIT.conflict,
    `${shownText(target)} is there, and is another one. Give another place with --to, or --force to replace it.`,
  );
}

async function statOf(path: string) {
  return await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
