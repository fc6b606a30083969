import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { databasePath } from '@partway/server/data-folder/data-folder';
import type { Diagnosis } from './diagnosis.ts';

/** Whether a data folder is there, is its owner's alone, and lies on one file system. */
export async function checkFolder(folder: string): Promise<Diagnosis[]> {
  const { mode, uid, dev } = await stat(folder);
  const found: Diagnosis[] = [];
  const say = (state: Diagnosis['state'], message: string, remedy?: string) =>
    found.push({ check: 'folder', state, message, ...(remedy !== undefined && { remedy }) });

  if ((await stat(databasePath(folder)).catch(() => undefined)) === undefined) {
    say('fail', `${folder} has no database`, 'Start a server there once, or name its folder with --data.');
  }
  if (process.getuid !== undefined && uid !== process.getuid()) {
    say('warn', `${folder} belongs to another user (${uid})`, 'Run the server and its commands as the same user.');
  }
  if ((mode & 0o077) !== 0) {
    const remedy = `It holds tokens and everybody’s files: chmod 700 ${folder}`;
    say('warn', `${folder} can be read by others (mode ${(mode & 0o777).toString(8)})`, remedy);
  }
  for (const part of ['staging', 'content']) {
    const its = await stat(join(folder, part)).catch(() => undefined);
    if (its === undefined || its.dev === dev) continue;
    const remedy = 'A finished file is renamed from staging to content: put the whole folder on one file system.';
    say('fail', `${join(folder, part)} lies on another file system than ${folder}`, remedy);
  }
  if (found.length === 0) say('ok', `${folder} is its owner’s alone, on one file system`);
  return found;
}
