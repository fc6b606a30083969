import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { GIB, MIB } from './support.ts';

// More would start the kernel's writeback, which would disturb the measurement.
const MOST = 2 * GIB;

/**
 * Fills as much page cache as the run will use, with a file that is then removed. On a virtual machine that returns free
 * memory to the host, the first access to a page costs up to ten times as much as the write itself. Without this, results
 * depend on how long the machine was idle.
 */
export function warmPageCache(folder: string, size: number): void {
  const own = mkdtempSync(join(folder, 'warm-'));
  const zeros = Buffer.alloc(8 * MIB);
  const file = openSync(join(own, 'zeros'), 'w');
  for (let written = 0; written < Math.min(size, MOST); written += zeros.length) writeSync(file, zeros);
  closeSync(file);
  rmSync(own, { recursive: true });
}
