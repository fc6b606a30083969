import { chmod, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileRange, Native, NativeHash } from '@partway/native/native';
import type { Sha1 } from '@partway/protocol/ids';
import { LRUCache } from 'lru-cache';
import { coalesce } from '../../util/coalesce.ts';
import { errorCode, isNotFound } from '../../util/system-error.ts';
import type { FileHash, IncomingBody, PartVerification } from '../blob-store.ts';
import { ByteBudget } from '../byte-budget.ts';
import { assertDigest, verifyLength } from '../verify.ts';
import { diskError } from './errors.ts';
import { NativeFile } from './native-file.ts';
import { receiveInPlace } from './receive-in-place.ts';
import { type VectorFile, writeInPlace } from './write-in-place.ts';

/** The methods of a `FileHandle` that are used here. */
export type DurableFile = VectorFile & Pick<FileHandle, 'fd' | 'truncate' | 'sync' | 'datasync' | 'close'>;

/** Opens a file or folder. This is `open` from node:fs/promises, unless a test injects faults. */
export type OpenFile = (path: string, flags: string, mode?: number) => Promise<DurableFile>;

/** Folders that are remembered as synced. Enough for every upload in progress to need no sync of its folders at the end. */
const MAX_DURABLE_FOLDERS = 20_000;

interface DurableFilesOptions {
  /** Limits how much memory the bodies of all writers together can use. Defaults to 32 MiB. */
  budget?: ByteBudget;
  openFile?: OpenFile;
  /** Writes and hashes parts. Without it, they are written by node:fs, and cannot be verified here. */
  native?: Native | undefined;
}

/** The file to write does not exist, or was moved or removed during the write. */
export class FileMissingError extends Error {
  override readonly name = 'FileMissingError';
}

/**
 * Writes files that survive a power cut. All syncs except SQLite's are here. When a method resolves, its result is durable.
 * Throws `storage-full` for a full disk, `file-too-large` for a file that is too large, and system errors otherwise.
 */
export class DurableFiles {
  readonly #budget: ByteBudget;
  readonly #open: OpenFile;
  /** Writes, hashes and sends files. */
  readonly native: Native | undefined;
  readonly #shared = new Map<string, SharedFile>();
  /** Folders whose names survive a power cut, because this process has synced them. */
  readonly #durableFolders = new LRUCache<string, true>({ max: MAX_DURABLE_FOLDERS });

  constructor({ budget = new ByteBudget(), openFile = open, native }: DurableFilesOptions = {}) {
    this.#budget = budget;
    this.#open = openFile;
    this.native = native;
  }

  /** Whether `write` can verify a body. */
  get verifies(): boolean {
    return this.native !== undefined;
  }

  /** Creates a file of `size` zero bytes that only its owner can access. Throws if it exists. On failure, removes it. */
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
   * Writes `body` into a range of the file at `path` (see `writeInPlace`), and syncs it. Writers of one file share a handle
   * and, if they end at about the same time, a sync. Throws `FileMissingError` if the file does not exist.
   *
   * If a sync fails, all writers that have the file open fail, even if they have not finished. The kernel reports lost pages
   * to one sync only and then forgets them, so a later sync of the handle would succeed without them.
   * @param verify What to verify before the sync. Requires `verifies` and a `length`.
   */
  async write(
    path: string,
    place: { offset: number; length?: number },
    body: IncomingBody,
    verify?: PartVerification,
  ): Promise<void> {
    const shared = this.#join(path);
    try {
      const file = await shared.opened;
      if (verify === undefined) {
        await writeInPlace(file, place, body, this.#budget, shared.stop);
        await shared.sync();
      } else {
        await this.#writeVerified({ shared, file }, place, body, verify);
      }
    } finally {
      await this.#leave(path, shared);
    }
  }

  async #writeVerified(
    { shared, file }: { shared: SharedFile; file: DurableFile },
    { offset, length = 0 }: { offset: number; length?: number },
    body: IncomingBody,
    { sha1, turn }: PartVerification,
  ): Promise<void> {
    const { native } = this;
    if (native === undefined) throw new Error('A body cannot be verified without the native module.');
    const hash = native.createHash();
    const place = { fd: file.fd, position: offset, length };
    const check = (fileHash: FileHash | undefined) => {
      assertDigest(sha1, native.digest(hash) as Sha1);
      if (fileHash !== undefined) turn?.done(fileHash);
    };
    const before = turn?.begin();
    if (before !== 'later') {
      await this.#receive(native, place, body, shared.stop, hash, before);
      check(before);
      return shared.sync();
    }
    await this.#receive(native, place, body, shared.stop);
    // The bytes are in the page cache, whether they are synced or not.
    const synced = shared.sync();
    // If both fail, the caller gets the error of the sync.
    synced.catch(() => {});
    try {
      const now = await turn?.wait();
      await mapErrors(native.read(place, hash, now));
      check(now);
    } finally {
      await synced;
    }
  }

  /** Writes a body, and adds its bytes to the hashes, if there are any. */
  async #receive(
    native: Native,
    place: FileRange,
    body: IncomingBody,
    stop: AbortSignal,
    hash?: NativeHash,
    second?: NativeHash,
  ): Promise<void> {
    const socketBody = await body.handOver?.();
    if (socketBody === undefined) {
      const { fd, position: offset, length } = place;
      const file = new NativeFile(native, fd, hash, second);
      await writeInPlace(file, { offset, length }, verifyLength(body, length), this.#budget, stop);
    } else {
      const signals = [stop, ...(socketBody.signal ? [socketBody.signal] : [])];
      await receiveInPlace(native, place, socketBody, { hash, second, signals });
    }
  }

  /**
   * Renames a file, and creates missing folders below `base`, which exists. With `readOnly`, the owner can only read it
   * afterward. This only guards against mistakes, so it is not synced. Writers of the file fail with `FileMissingError`.
   */
  async moveDurably(from: string, to: string, { base, readOnly }: { base: string; readOnly: boolean }): Promise<void> {
    if (readOnly) await mapErrors(chmod(from, 0o400));
    await this.ensureFolder(dirname(to), base);
    try {
      await mapErrors(rename(from, to));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // Somebody may have removed the folder since it was synced.
      this.#durableFolders.clear();
      await this.ensureFolder(dirname(to), base);
      await mapErrors(rename(from, to));
    }
    this.#shared.get(from)?.fail(new FileMissingError(`${from} was moved during a write.`));
    await this.syncMove(from, to);
  }

  /** Syncs both folders of an earlier rename. The target comes first: an extra name can be removed later, a lost one not. */
  async syncMove(from: string, to: string): Promise<void> {
    await this.syncFolder(dirname(to));
    await this.syncFolder(dirname(from));
  }

  /** Removes a file, if it exists. Its writers fail with `FileMissingError`. Not synced: after a power cut it can reappear. */
  async removeFile(path: string): Promise<void> {
    await rm(path, { force: true });
    this.#shared.get(path)?.fail(new FileMissingError(`${path} was removed during a write.`));
  }

  /**
   * Creates `folder` and missing folders above it, down from `base`, which exists. Syncs every level, even existing ones,
   * unless this process has done so before.
   */
  async ensureFolder(folder: string, base: string): Promise<void> {
    if (folder === base || this.#durableFolders.has(folder)) return;
    await this.ensureFolder(dirname(folder), base);
    await mapErrors(mkdir(folder, 0o700)).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
    // Another call might have created it just now and not have synced it yet.
    await this.syncFolder(dirname(folder));
    this.#durableFolders.set(folder, true);
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

/** An open handle that the writers of a file share. If a sync fails, all of them stop using it. */
class SharedFile {
  writers = 0;
  readonly opened: Promise<DurableFile>;
  /** Resolves once all bytes written before the call survive a power cut. */
  readonly sync: () => Promise<void>;
  /** Aborted, with the error as its reason, after `fail`. */
  readonly stop: AbortSignal;
  readonly #controller: AbortController;

  constructor(path: string, openFile: OpenFile) {
    this.#controller = new AbortController();
    this.stop = this.#controller.signal;
    this.opened = openFile(path, 'r+').catch((error: unknown) => {
      throw this.fail(
        isNotFound(error) ? new FileMissingError(`${path} does not exist.`, { cause: error }) : diskError(error),
      );
    });
    this.sync = coalesce(this.#datasync.bind(this));
  }

  /** Makes all writers that share the handle fail with `error`. Later writers open the file again. */
  fail(error: unknown): unknown {
    this.#controller.abort(error);
    return error;
  }

  /** Never rejects: all data was synced before, and the system releases the handle even if `close` reports an error. */
  async close(): Promise<void> {
    try {
      const file = await this.opened;
      await file.close();
    } catch {}
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
