import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl, quoteForShell } from '../../output/text.ts';
import type { RemoteVersion } from './fetch-bytes.ts';

/** Returns the local path for a file: in `to` if that is a folder, otherwise `to` itself. */
export async function localTarget(to: string | undefined, name: string): Promise<string> {
  const found = to === undefined ? undefined : await statIfExists(to);
  if (to !== undefined && found?.isDirectory() !== true) {
    const folder = to.endsWith('/') ? resolve(to) : dirname(resolve(to));
    if (await isExistingFolder(folder)) return resolve(to);
    const advice = `Create it first: mkdir -p ${quoteForShell(folder)}`;
    throw new Failure(EXIT.notFound, `The local folder ${escapeControl(folder)} does not exist. ${advice}`);
  }
  return resolve(join(to ?? '.', localName(name)));
}

/** Whether an identical local file exists. @throws Failure if it differs, unless it can be overwritten. */
export async function isPresent(
  target: string,
  remote: RemoteVersion,
  { force }: { force: boolean },
): Promise<boolean> {
  const link = await statIfExists(target, lstat);
  if (link === undefined) return false;
  const found = await statIfExists(target);
  if (found?.isFile() && found.size === remote.size && (await sha1OfFile(target)) === remote.sha1) return true;
  // With `force`, a link itself is replaced, never its target.
  if (force && (link.isFile() || link.isSymbolicLink())) return false;
  throw new Failure(
    EXIT.conflict,
    `${escapeControl(target)} exists and differs. Choose another path with --to, or overwrite it with --force.`,
  );
}

async function statIfExists(path: string, look: typeof stat | typeof lstat = stat) {
  return await look(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}

export async function isExistingFolder(path: string): Promise<boolean> {
  return (await statIfExists(path))?.isDirectory() === true;
}

/** Names that Windows reserves for devices, with any extension. */
const DEVICES = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
/** Names of partial downloads. */
const PARTIAL = /^\.partway-.*\.part$/i;

/** Whether this is the name of a partial download. */
export function isPartialName(name: string): boolean {
  return PARTIAL.test(name);
}

/**
 * Returns a name from the server as the name of a local file or folder. The name is not trusted: it must not lead out of its
 * folder, to a device, or to a partial download.
 * @throws Failure if it is not a safe name.
 */
export function localName(name: string, platform: NodeJS.Platform = process.platform): string {
  const isInvalid = name === '' || name === '.' || name === '..' || /[/\0]/.test(name);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Windows allows none of them in a name.
  const isInvalidOnWindows = /[<>:"\\|?*\u0001-\u001f]|[. ]$/.test(name) || DEVICES.test(name);
  if (isInvalid || PARTIAL.test(name) || (platform === 'win32' && isInvalidOnWindows)) {
    throw new Failure(
      EXIT.failed,
      `${escapeControl(name) || 'An empty name'} cannot be a local name. Download the file by itself, and name it with --to.`,
    );
  }
  return name;
}

const READ_BYTES = 1024 * 1024;

/** Resolves with the SHA-1 of a local file in hex. */
async function sha1OfFile(path: string): Promise<string> {
  const hash = createHash('sha1');
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
