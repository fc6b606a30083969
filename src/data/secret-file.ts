import { chmod, readFile } from 'node:fs/promises';
import { writeWhole } from './write-whole.ts';

/**
 * The secret kept in `path`, readable by its owner only; made by `make` where there is none yet, and on the disk
 * before this resolves.
 */
export async function keptSecret(path: string, make: () => string): Promise<string> {
  try {
    const kept = (await readFile(path, 'utf8')).trim();
    // Copies and restores lose modes; a secret that others can read is none.
    await chmod(path, 0o600);
    if (kept !== '') return kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = make();
  await writeWhole(path, `${secret}\n`);
  return secret;
}
