import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes `text` the content of the file at `path`, for its owner only: whoever reads it meets the old text or the new one,
 * whole. Resolves once that survives a power cut.
 */
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
