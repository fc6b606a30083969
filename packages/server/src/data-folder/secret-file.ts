import { randomBytes } from 'node:crypto';
import { chmod, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The secret stored in `path`, readable only by its owner. If there is none, `generate` creates it. Durable on return. */
export async function readOrCreateSecret(path: string, generate: () => string): Promise<string> {
  const stored = await readDurably(path);
  // A copied or restored file may have lost its mode.
  if (stored !== undefined) await chmod(path, 0o600);
  if (stored) return stored;
  const secret = generate();
  await writeAtomically(path, `${secret}\n`);
  return secret;
}

/**
 * The text of a file without surrounding white space, or undefined if it does not exist. Syncs the file first: a process
 * that was killed may have written it without syncing, and a power cut would then lose text that was used meanwhile.
 */
export async function readDurably(path: string): Promise<string | undefined> {
  const text = await readText(path);
  if (text !== undefined) await syncWithName(path);
  return text;
}

async function syncWithName(path: string): Promise<void> {
  for (const fileOrFolder of [path, dirname(path)]) {
    await using handle = await open(fileOrFolder, 'r');
    await handle.sync();
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces a file atomically; only its owner can read it. Resolves once the new text would survive a power cut. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
    await rename(temporary, path);
    await using folder = await open(dirname(path), 'r');
    await folder.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
