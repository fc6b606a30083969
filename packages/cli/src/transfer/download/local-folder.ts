import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';

/**
 * Makes a folder that the user named, with those above it, or takes the one that is there, also through a link. One by one,
 * because Node's own way of it tries for ever where a file system takes no folders, such as /proc.
 */
export async function ensureNamedFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const above = dirname(path);
    if (code === 'ENOENT' && above !== path && (await stat(above).catch(() => undefined)) === undefined) {
      await ensureNamedFolder(above);
      await mkdir(path);
      return;
    }
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code === 'EEXIST') throw inTheWay(path, 'no folder', error);
    if (code === 'ENOTDIR') throw inTheWay(above, 'no folder', error);
    if (code === 'ENOENT')
      throw new Failure(EXIT.failed, `${escapeControl(path)} cannot be made there.`, { cause: error });
    throw error;
  }
}

/** Makes a folder, or takes the one that is there; never a link, which could lead out of the folder that was named. */
export async function ensureLocalFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const found = await lstat(path);
    if (found.isDirectory()) return;
    throw inTheWay(path, found.isSymbolicLink() ? 'a link, which is not followed' : 'no folder', error);
  }
}

function inTheWay(path: string, what: string, cause: unknown): Failure {
  const advice = 'Move it away, or give another place with --to.';
  return new Failure(EXIT.conflict, `${escapeControl(path)} is in the way: it is ${what}. ${advice}`, { cause });
}
