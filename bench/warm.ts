import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { GIB, MIB } from './support.ts';

// More would start the kernel's writeback, which would then run into the measurement.
const MOST = 2 * GIB;

/**
 * Touches as much page cache as the run is about to fill, by way of a file that is removed again. On a virtual machine
 * that hands its free memory back to the host, the first touch of a page costs up to ten times the write itself: without
 * this, a run measures how long the machine was idle before it.
 */
export function warmPageCache(folder: string, size: number): void {
  const own = mkdtempSync(join(folder, 'warm-'));
  const zeros = Buffer.alloc(8 * MIB);
  const file = openSync(join(own, 'zeros'), 'w');
  for (let written = 0; written < Math.min(size, MOST); written += zeros.length) writeSync(file, zeros);
  closeSync(file);
  rmSync(own, { recursive: true });
}
