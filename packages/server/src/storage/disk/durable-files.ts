import { chmod, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, isNotFound } from '../../util/system-error.ts';
import { ByteBudget } from '../s3/byte-budget.ts';
import { coalesce } from '../s3/coalesce.ts';
import { diskError } from './errors.ts';
import { type VectorFile, writeInPlace } from './write-in-place.ts';

/** What of a `FileHandle` the durable dance needs. */
export type DurableFile = VectorFile & Pick<FileHandle, 'truncate' | 'sync' | 'datasync' | 'close'>;

/** How files and folders are opened; `open` of node:fs/promises unless a test puts faults in. */
export type OpenFile = (path: string, flags: string, mode?: number) => Promise<DurableFile>;

interface DurableFilesOptions {
  /** What the bodies of all writers together may hold in memory; 32 MiB where nothing is said. */
  budget?: ByteBudget;
  openFile?: OpenFile;
}

/** The file written to does not exist, or was moved or removed during the write. */
export class FileMissingError extends Error {
  override readonly name = 'FileGone';
}

/**
 * Files that survive a power cut: the only place that syncs what is not SQLite's. When a method resolves, what it promises
 * lies on the disk. A full disk rejects as `insufficient_storage`, a file too large as `file_size_limit_exceeded`,
 * anything else as the system's own error.
 */
export class DurableFiles {
  readonly #budget: ByteBudget;
  readonly #open: OpenFile;
  readonly #shared = new Map<string, SharedFile>();

  constructor({ budget = new ByteBudget(), openFile = open }: DurableFilesOptions = {}) {
    this.#budget = budget;
    this.#open = openFile;
  }

  /** Makes a file of `size` zero bytes, for the owner alone; one that exists is an error. On failure none is left. */
  async allocate(path: string, size: number): Promise<void> {
    const file = await mapErrors(this.#open(path, 'wx', 0o600));
    try {
      try {
        await file.truncate(size);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.syncFolder(dirname(path));
    } catch (error) {
      await rm(path, { force: true });
      throw diskError(error);
    }
  }

  /**
   * Writes `body` into a place of the file at `path`, as `writeInPlace` says, and syncs it. Writers of one file share
   * one handle and, where they end about the same time, one sync. Rejects with `FileMissingError` where there is no such file.
   *
   * When a sync fails, every writer that has the file open fails with it, also those still in the middle: the kernel
   * reports lost pages to one sync only and then forgets them, so the next sync of the handle proves nothing.
   */
  async write(
    path: string,
    place: { offset: number; length?: number },
    body: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const shared = this.#join(path);
    try {
      const file = await shared.opened;
      await writeInPlace(file, place, body, this.#budget, shared.stop);
      await shared.sync();
    } finally {
      await this.#leave(path, shared);
    }
  }

  /**
   * Renames a file, making the folders it needs below `base`, which exists. With `readOnly` the owner may only read it
   * afterwards: a guard against slips, and for that reason not synced. Writers of the file fail with `FileMissingError`.
   */
  async moveDurably(from: string, to: string, { base, readOnly }: { base: string; readOnly: boolean }): Promise<void> {
    if (readOnly) await mapErrors(chmod(from, 0o400));
    await this.ensureFolder(dirname(to), base);
    await mapErrors(rename(from, to));
    this.#shared.get(from)?.fail(new FileMissingError(`${from} was moved during a write`));
    await this.syncMove(from, to);
  }

  /** Syncs both folders of a rename done earlier. The target first: a name too many can be put right, a lost one not. */
  async syncMove(from: string, to: string): Promise<void> {
    await this.syncFolder(dirname(to));
    await this.syncFolder(dirname(from));
  }

  /** Removes a file; none there is no error. Its writers fail with `FileMissingError`. Not synced: at worst it comes back. */
  async removeFile(path: string): Promise<void> {
    await rm(path, { force: true });
    this.#shared.get(path)?.fail(new FileMissingError(`${path} was removed during a write`));
  }

  /** Makes `folder` with all levels missing below `base`, which exists; each is synced, by whomever it was made. */
  async ensureFolder(folder: string, base: string): Promise<void> {
    if (folder === base) return;
    await this.ensureFolder(dirname(folder), base);
    await mapErrors(mkdir(folder, 0o700)).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
    // Also where it existed: another call may have made it a moment ago and not have come to its own sync.
    await this.syncFolder(dirname(folder));
  }

  /** Resolves once the names in `folder` survive a power cut. */
  async syncFolder(folder: string): Promise<void> {
    const handle = await mapErrors(this.#open(folder, 'r'));
    try {
      await mapErrors(handle.sync());
    } finally {
      await handle.close();
    }
  }

  #join(path: string): SharedFile {
    let shared = this.#shared.get(path);
    if (shared === undefined || shared.stop.aborted) {
      shared = new SharedFile(path, this.#open);
      this.#shared.set(path, shared);
    }
    shared.writers += 1;
    return shared;
  }

  async #leave(path: string, shared: SharedFile): Promise<void> {
    shared.writers -= 1;
    if (shared.writers > 0) return;
    if (this.#shared.get(path) === shared) this.#shared.delete(path);
    await shared.close();
  }
}

/** One open handle that the writers of a file share, and that is given up for all of them when one sync fails. */
class SharedFile {
  writers = 0;
  readonly opened: Promise<DurableFile>;
  /** Resolves once all bytes written before the call survive a power cut. */
  readonly sync: () => Promise<void>;
  readonly #given = new AbortController();

  constructor(path: string, openFile: OpenFile) {
    this.opened = openFile(path, 'r+').catch((error: unknown) => {
      throw this.fail(
        isNotFound(error) ? new FileMissingError(`${path} does not exist`, { cause: error }) : diskError(error),
      );
    });
    this.sync = coalesce(() => this.#datasync());
  }

  /** Aborted, with the error as its reason, when the handle is given up. */
  get stop(): AbortSignal {
    return this.#given.signal;
  }

  /** Gives the handle up: those who share it fail with `error`, and whoever comes next opens the file anew. */
  fail(error: unknown): unknown {
    this.#given.abort(error);
    return error;
  }

  /** Never rejects: what counts was synced before, and the system lets go of the handle even where close reports an error. */
  async close(): Promise<void> {
    await this.opened.then((file) => file.close()).catch(() => {});
  }

  async #datasync(): Promise<void> {
    this.stop.throwIfAborted();
    const file = await this.opened;
    await file.datasync().catch((error: unknown) => this.fail(diskError(error)));
    this.stop.throwIfAborted();
  }
}

async function mapErrors<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw diskError(error);
  }
}
