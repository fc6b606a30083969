import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Millis, UserId } from '@partway/protocol/ids';
import type { ByteBudget } from '../byte-budget.ts';
import { diskError } from '../disk/errors.ts';
import { writeInPlace } from '../disk/write-in-place.ts';
import { StorageError } from '../errors.ts';
import { SpoolQuota, spoolFullError } from './spool-space.ts';
import { SpooledFile } from './spooled-body.ts';

/** How long a part without space waits, with its body unread, before its client is told to try again later. */
const SPACE_TIMEOUT: Millis = 15_000;
/** A file whose path was requested counts as being read for this long, unless it is dropped earlier. */
const READ_TIMEOUT: Millis = 60_000;

const FILE_NAME = /^[0-9]+$/;

interface SpoolOptions {
  /** Created if missing, and emptied, because its files are useless after the server that wrote them has ended. */
  folder: string;
  /** The maximum number of bytes in it. */
  size: number;
  budget: ByteBudget;
  /** How long a body waits for space. */
  timeout?: Millis;
}

interface CachedFile {
  file: SpooledFile;
  /** When its path was last requested, on the clock of `performance.now()`; undefined if never. */
  requestedAt: Millis | undefined;
}

interface ReceiveOptions {
  /** The exact length of the body in bytes, if known. */
  length?: number;
  maxBytes: number;
  /** The user who sends it; no user can have all of the space. */
  by?: UserId | undefined;
  /** Aborted when the client has disconnected. Stops waiting for space. */
  signal?: AbortSignal | undefined;
}

/**
 * Keeps bodies on their way to a remote store in local files, up to `size` bytes. A body is complete here before any of it
 * is sent to the store. The files do not have to survive a crash, so they are not synced. Bodies that the store has can
 * stay cached for reading until their space is needed.
 */
export class Spool {
  readonly #folder: string;
  readonly #budget: ByteBudget;
  readonly #quota: SpoolQuota;
  /** By key, oldest first. */
  readonly #cached = new Map<string, CachedFile>();
  #files = 0;

  static async open(options: SpoolOptions): Promise<Spool> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    // Keep the folder and other files: it can be the root of a file system, which has files of its own.
    const leftover = (await readdir(options.folder)).filter((name) => FILE_NAME.test(name));
    for (const name of leftover) await rm(join(options.folder, name), { force: true });
    return new Spool(options);
  }

  private constructor({ folder, size, budget, timeout = SPACE_TIMEOUT }: SpoolOptions) {
    this.#folder = folder;
    this.#budget = budget;
    this.#quota = new SpoolQuota(size, { timeout, evict: () => this.#evictOldest() });
  }

  /** The maximum size of one body. */
  get size(): number {
    return this.#quota.total;
  }

  /** The number of bytes stored or being received. */
  get reserved(): number {
    return this.#quota.reserved;
  }

  /**
   * Writes `body` to a file. If the body throws, this rejects with the same error, and nothing of it remains. Throws
   * `unavailable` without reading the body if the spool has no space, and during the write if the disk is full.
   */
  async receive(
    body: AsyncIterable<Uint8Array>,
    { length, maxBytes, by, signal }: ReceiveOptions,
  ): Promise<SpooledFile> {
    const reservation = await this.#quota.reserve(maxBytes, by, signal);
    const file = new SpooledFile(join(this.#folder, String(this.#files++)), reservation);
    try {
      await this.#write(file.path, body, length);
      return file;
    } catch (error) {
      await file.remove();
      throw await this.#explainError(error);
    }
  }

  /** Caches a file that the store now has. Replaces a file cached with the same key. */
  async cache(key: string, file: SpooledFile): Promise<void> {
    await this.drop(key);
    this.#cached.set(key, { file, requestedAt: undefined });
    file.markCached();
  }

  /** Finds the path of a cached file. The caller is assumed to read it, so it stays for a minute, unless it is dropped. */
  find(key: string): string | undefined {
    const cached = this.#cached.get(key);
    if (cached === undefined) return undefined;
    cached.requestedAt = performance.now();
    return cached.file.path;
  }

  /** Removes the file cached with this key, if any. */
  async drop(key: string): Promise<void> {
    const cached = this.#cached.get(key);
    this.#cached.delete(key);
    await cached?.file.remove();
  }

  /** Removes all cached files whose keys have this prefix. */
  async dropAll(prefix: string): Promise<void> {
    for (const key of [...this.#cached.keys()]) if (key.startsWith(prefix)) await this.drop(key);
  }

  async #write(path: string, body: AsyncIterable<Uint8Array>, length: number | undefined): Promise<void> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'wx', 0o600);
    } catch (error) {
      throw diskError(error);
    }
    try {
      await writeInPlace(handle, { offset: 0, ...(length !== undefined && { length }) }, body, this.#budget);
    } finally {
      await handle.close();
    }
  }

  /** Treats a full disk as a temporary problem of the server: drops all cached files, and lets the client retry. */
  async #explainError(error: unknown): Promise<unknown> {
    if (!(error instanceof StorageError) || error.code !== 'storage-full') return error;
    while (await this.#evictOldest());
    return spoolFullError(error.cause);
  }

  /** Removes the oldest cached file that is not being read, and returns whether there was one. */
  async #evictOldest(): Promise<boolean> {
    const now = performance.now();
    for (const [key, { requestedAt }] of this.#cached) {
      if (requestedAt !== undefined && now - requestedAt < READ_TIMEOUT) continue;
      await this.drop(key);
      return true;
    }
    return false;
  }
}
