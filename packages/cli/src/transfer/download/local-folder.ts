import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';

/**
 * Creates a folder that the user named, with its parents, if it does not exist. Links are followed. Folders are created one
 * by one, because `mkdir` with `recursive` never returns on file systems without folders, such as /proc.
 */
export async function ensureNamedFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(path);
    if (code === 'ENOENT' && parent !== path && (await stat(parent).catch(() => undefined)) === undefined) {
      await ensureNamedFolder(parent);
      await mkdir(path);
      return;
    }
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code === 'EEXIST') throw inTheWayError(path, 'not a folder', error);
    if (code === 'ENOTDIR') throw inTheWayError(parent, 'not a folder', error);
    if (code === 'ENOENT')
      throw new Failure(EXIT.failed, `${escapeControl(path)} cannot be created.`, { cause: error });
    throw error;
  }
}

/** Creates a folder if it does not exist. Links are not followed, because they could lead out of the target folder. */
export async function ensureLocalFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const found = await lstat(path);
    if (found.isDirectory()) return;
    throw inTheWayError(
      path,
      found.isSymbolicLink() ? 'a symbolic link, which is not followed' : 'not a folder',
      error,
    );
  }
}

function inTheWayError(path: string, what: string, cause: unknown): Failure {
  const advice = 'Move it, or choose another folder with --to.';
  return new Failure(EXIT.conflict, `${escapeControl(path)} is in the way: it is ${what}. ${advice}`, { cause });
}
