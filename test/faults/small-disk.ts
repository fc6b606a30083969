import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';

/** A file system of its own, so small that a test can fill it. */
export interface SmallDisk extends AsyncDisposable {
  folder: string;
  /** Why there is none on this machine; undefined where there is. */
  reason: string | undefined;
}

/** Mounts a disk of `size` (as mount takes it, such as 8m); it goes with all in it. */
export async function smallDisk(size: string): Promise<SmallDisk> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-small-disk-')));
  const reason = mount(folder, size);
  const unmount = () => {
    // Lazily: a process that a failed test left behind may still be in it.
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
