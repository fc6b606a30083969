import { existsSync } from 'node:fs';
import { checkDisk } from './check-disk.ts';
import { checkFolder } from './check-folder.ts';
import { checkSync } from './check-sync.ts';
import type { Diagnosis } from './diagnosis.ts';

/** Looks at a data folder on this machine, whether or not a server has it open. */
export async function* diagnoseFolder(folder: string): AsyncGenerator<Diagnosis> {
  if (!existsSync(folder)) {
    const remedy = 'Start a server there once (partway serve), or name its folder with --data.';
    yield { check: 'folder', state: 'fail', message: `${folder} is not there`, remedy };
    return;
  }
  yield* await checkFolder(folder);
  yield* await checkDisk(folder);
  yield await checkSync(folder);
}
