import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';

/** A separate file system, small enough for a test to fill. */
export interface SmallDisk extends AsyncDisposable {
  folder: string;
  /** Why none can be mounted on this machine; undefined if one can. */
  reason: string | undefined;
}

/** Mounts a disk of `size` (in mount's format, such as 8m); it is deleted with its contents. */
export async function mountSmallDisk(size: string): Promise<SmallDisk> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-small-disk-')));
  const reason = mount(folder, size);
  const unmount = () => {
    // Lazily, because a process that a failed test left behind may still use it.
    if (reason === undefined) execFileSync('umount', ['--lazy', folder]);
  };
  process.once('exit', unmount);
  return {
    folder,
    reason,
    async [Symbol.asyncDispose]() {
      process.off('exit', unmount);
      unmount();
      deleteFolder(folder);
    },
  };
}

function mount(folder: string, size: string): string | undefined {
  if (process.platform !== 'linux') return 'a small file system of its own is made on Linux only';
  if (process.getuid?.() !== 0) return 'a small file system of its own can be mounted by root only';
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', folder], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `a small file system could not be mounted: ${(error as Error).message}`;
  }
}
