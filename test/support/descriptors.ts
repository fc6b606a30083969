import { readdirSync, readlinkSync } from 'node:fs';

/** The targets of a process's open descriptors, as Linux names them: `socket:[123]`, `/data/blobs/ab/cd/…`. */
export function listDescriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // Closed since it was listed.
      return [];
    }
  });
}

/** The number of blob files that a server has open. */
export function countOpenBlobs(pid: number): number {
  return listDescriptors(pid).filter((target) => target.includes('/blobs/')).length;
}
