import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { here } from '../support.ts';
import type { LoadOrder, LoadResult } from './load.ts';

/** Uploads one file from a separate process, and returns its measurements. */
export async function loadInProcess(order: LoadOrder): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [here('load/load.ts'), JSON.stringify(order)]);
  return JSON.parse(stdout) as LoadResult;
}
