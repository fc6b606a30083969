import { readdirSync, readlinkSync } from 'node:fs';

/** What the open descriptors of a process lead to, as Linux names it: `socket:[123]`, `/data/blobs/ab/cd/…`. */
export function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // Closed since it was listed.
      return [];
    }
  });
}

/** How many files of stored contents a server has open. */
export function openContents(pid: number): number {
  return descriptorsOf(pid).filter((target) => target.includes('/blobs/')).length;
}
