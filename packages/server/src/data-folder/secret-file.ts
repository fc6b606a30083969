import { randomBytes } from 'node:crypto';
import { chmod, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The secret kept in `path`, readable by its owner only; made by `make` where there is none yet, and on the disk
 * before this resolves.
 */
export async function readOrCreateSecret(path: string, make: () => string): Promise<string> {
  const kept = await readDurably(path);
  // Copies and restores lose modes; a secret that others can read is none.
  if (kept !== undefined) await chmod(path, 0o600);
  if (kept) return kept;
  const secret = make();
  await writeWhole(path, `${secret}\n`);
  return secret;
}

/**
 * What the file says, as `readText`, and on the disk before this resolves: a process that was killed may have written the
 * file and not have come to its sync, and a power cut would take back what others have been told since.
 */
export async function readDurably(path: string): Promise<string | undefined> {
  const text = await readText(path);
  if (text !== undefined) await syncWithName(path);
  return text;
}

/** Resolves once the file, or the folder, and its name survive a power cut. */
async function syncWithName(path: string): Promise<void> {
  for (const place of [path, dirname(path)]) {
    await using handle = await open(place, 'r');
    await handle.sync();
  }
}

/** What the file says, without space at its ends; undefined where there is none. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes the whole file or nothing of it, readable by its owner only. Resolves once it would survive a power cut. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await using file = await open(unfinished, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
    await rename(unfinished, path);
    await using folder = await open(dirname(path), 'r');
    await folder.sync();
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
