import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LoadOrder, LoadResult } from './load.ts';
import { here } from './support.ts';

/** Uploads one file from a process of its own, and gives what that measured. */
export async function loadInProcess(order: LoadOrder): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [here('load.ts'), JSON.stringify(order)]);
  return JSON.parse(stdout) as LoadResult;
}
