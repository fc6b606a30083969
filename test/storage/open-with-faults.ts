import { open } from 'node:fs/promises';
import type { DurableFile, OpenFile } from '../../packages/server/src/storage/disk/durable-files.ts';

/**
 * A fault of one method of the files whose path matches: it waits, then fails; at the n-th such call, or at every
 * call.
 */
export interface FileFault {
  method: Exclude<keyof DurableFile, 'close' | 'fd'>;
  path: RegExp;
  call?: number;
  wait?: Promise<void>;
  error?: Error;
}

/**
 * Opens files with `faults`, and logs what is done to them, a line each: "datasync /path" when it starts, "wrote N
 * /path" when N bytes are written. Opening and closing are logged for files opened for writing in place.
 */
export function openWithFaults({ log = [], faults = [] }: { log?: string[]; faults?: readonly FileFault[] }): OpenFile {
  const calls = new Map<FileFault, number>();

  async function strike(method: string, path: string): Promise<void> {
    log.push(`${method} ${path}`);
    for (const fault of faults) {
      if (fault.method !== method || !fault.path.test(path)) continue;
      const call = (calls.get(fault) ?? 0) + 1;
      calls.set(fault, call);
      if ((fault.call ?? call) !== call) continue;
      await fault.wait;
      if (fault.error !== undefined) throw fault.error;
    }
  }

  return async (path, flags, mode) => {
    const file = await open(path, flags, mode);
    const shared = flags === 'r+';
    if (shared) log.push(`open ${path}`);
    return {
      fd: file.fd,
      async truncate(length) {
        await strike('truncate', path);
        await file.truncate(length);
      },
      async sync() {
        await strike('sync', path);
        await file.sync();
      },
      async datasync() {
        await strike('datasync', path);
        await file.datasync();
      },
      async writev(buffers, position) {
        await strike('writev', path);
        const { bytesWritten } = await file.writev(buffers, position);
        log.push(`wrote ${bytesWritten} ${path}`);
        return { bytesWritten };
      },
      async close() {
        if (shared) log.push(`close ${path}`);
        await file.close();
      },
    };
  };
}

/** An error of the operating system, such as ENOSPC. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
