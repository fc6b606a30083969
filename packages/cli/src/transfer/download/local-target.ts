import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl, quoteForShell } from '../../output/text.ts';
import type { Wanted } from './download-file.ts';

/** Where a file goes on this machine: into `to` where that is a folder, else it is `to` itself. */
export async function localTarget(to: string | undefined, name: string): Promise<string> {
  const found = to === undefined ? undefined : await statOf(to);
  if (to !== undefined && found?.isDirectory() !== true) {
    const folder = to.endsWith('/') ? resolve(to) : dirname(resolve(to));
    if (await isExistingFolder(folder)) return resolve(to);
    const advice = `Make it first: mkdir -p ${quoteForShell(folder)}`;
    throw new Failure(EXIT.notThere, `There is no folder ${escapeControl(folder)} on this machine. ${advice}`);
  }
  return resolve(join(to ?? '.', localName(name)));
}

/** Whether the file is here already; refuses one that is another, unless it is to be replaced. */
export async function isPresent(target: string, wanted: Wanted, { force }: { force: boolean }): Promise<boolean> {
  const itself = await statOf(target, lstat);
  if (itself === undefined) return false;
  const found = await statOf(target);
  if (found?.isFile() && found.size === wanted.size && (await sha1OfFile(target)) === wanted.sha1) return true;
  // A link is replaced itself; what it leads to stays as it is.
  if (force && (itself.isFile() || itself.isSymbolicLink())) return false;
  throw new Failure(
    EXIT.conflict,
    `${escapeControl(target)} is there, and is another one. Give another place with --to, or --force to replace it.`,
  );
}

async function statOf(path: string, look: typeof stat | typeof lstat = stat) {
  return await look(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}

export async function isExistingFolder(path: string): Promise<boolean> {
  return (await statOf(path))?.isDirectory() === true;
}

/** What Windows keeps for devices, whatever is behind a dot. */
const DEVICES = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
/** What unfinished downloads are called. */
const UNFINISHED = /^\.partway-.*\.part$/i;

/**
 * A name that a server gave, as one of a file or folder here. It is the server's word, and must lead nowhere else: neither out
 * of the folder it is meant for, nor to a device, nor into what another download has begun.
 */
export function localName(name: string, platform: NodeJS.Platform = process.platform): string {
  const nowhere = name === '' || name === '.' || name === '..' || /[/\0]/.test(name);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Windows takes none of them in a name.
  const notOnWindows = /[<>:"\\|?*\u0001-\u001f]|[. ]$/.test(name) || DEVICES.test(name);
  if (nowhere || UNFINISHED.test(name) || (platform === 'win32' && notOnWindows)) {
    throw new Failure(
      EXIT.failed,
      `${escapeControl(name) || 'A name of no characters'} cannot be a name here. Fetch the file by itself, and name it with --to.`,
    );
  }
  return name;
}

/** What one read takes from the disk. */
const READ_BYTES = 1024 * 1024;

/** The SHA-1 of a file on this machine, in hex. */
async function sha1OfFile(path: string): Promise<string> {
  const hash = createHash('sha1');
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
