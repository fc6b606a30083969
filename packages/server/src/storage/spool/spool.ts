import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Millis, UserId } from '@partway/protocol/ids';
import { diskError } from '../disk/errors.ts';
import { writeInPlace } from '../disk/write-in-place.ts';
import { StorageError } from '../errors.ts';
import type { ByteBudget } from '../s3/byte-budget.ts';
import { SpoolQuota, spoolFullError } from './spool-space.ts';
import { SpooledFile } from './spooled-body.ts';

/** A client whose part finds no room is kept waiting this long, with its body unread, before it is told to come later. */
const SPACE_TIMEOUT: Millis = 15_000;
/** A file whose place was asked for is being read; if its release never comes, it may go after this long. */
const READ_TIMEOUT: Millis = 60_000;

const FILE_NAME = /^[0-9]+$/;

interface SpoolOptions {
  /** Made where it is missing, and emptied: what lies in it counted for nothing once its server had ended. */
  folder: string;
  /** How many bytes may lie in it. */
  size: number;
  budget: ByteBudget;
  /** How long a body waits for room. */
  timeout?: Millis;
}

interface CachedFile {
  file: SpooledFile;
  /** On the clock of `performance.now()`; undefined while nobody has asked where it lies. */
  askedAt: Millis | undefined;
}

/** What is known of a body before it is received. */
interface ReceiveOptions {
  /** How long it has to be, in bytes. */
  length?: number;
  /** How long it may be, in bytes. */
  maxBytes: number;
  by?: UserId | undefined;
  /** Aborted when its client is gone. */
  signal?: AbortSignal | undefined;
}

/**
 * Bodies on their way to a store elsewhere: in files on this machine, never more than `size` bytes of them. A body lies
 * here whole before the store sees any of it. Nothing here has to survive anything, so nothing is synced. What the store
 * has taken may stay, to be read again, until the room is needed.
 */
export class Spool {
  readonly #folder: string;
  readonly #budget: ByteBudget;
  readonly #quota: SpoolQuota;
  /** By their key, those kept longest first. */
  readonly #cached = new Map<string, CachedFile>();
  #files = 0;

  static async open(options: SpoolOptions): Promise<Spool> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    // The folder itself stays: it may be a disk of its own, with what file systems put there.
    const left = (await readdir(options.folder)).filter((name) => FILE_NAME.test(name));
    for (const name of left) await rm(join(options.folder, name), { force: true });
    return new Spool(options);
  }

  private constructor({ folder, size, budget, timeout = SPACE_TIMEOUT }: SpoolOptions) {
    this.#folder = folder;
    this.#budget = budget;
    this.#quota = new SpoolQuota(size, { timeout, makeRoom: () => this.#dropOldest() });
  }

  /** The most that one body may have. */
  get size(): number {
    return this.#quota.total;
  }

  /** Bytes that lie here or are coming in. */
  get reserved(): number {
    return this.#quota.reserved;
  }

  /**
   * Writes `body` into a file and resolves when it has ended; with `length` it must be just that long, without it it may
   * have up to `most` bytes. What it throws comes out here, and nothing of it stays. Where there is no room, not for this
   * body or not on the disk, it refuses as `unavailable`; before it has read from the body in the first case. `by` is
   * the user whom it comes from, so that no user takes all of the room. It waits for room no longer than until `signal`.
   */
  async receive(
    body: AsyncIterable<Uint8Array>,
    { length, maxBytes: most, by, signal }: ReceiveOptions,
  ): Promise<SpooledFile> {
    const hold = await this.#quota.reserve(most, by, signal);
    const file = new SpooledFile(join(this.#folder, String(this.#files++)), hold);
    try {
      await this.#write(file.path, body, length);
      return file;
    } catch (error) {
      await file.remove();
      throw await this.#explained(error);
    }
  }

  /** Keeps a file that the store has by now, in place of one kept under this key before. */
  async cache(key: string, file: SpooledFile): Promise<void> {
    await this.drop(key);
    this.#cached.set(key, { file, askedAt: undefined });
    file.markCached();
  }

  /** Where a kept file lies. Who asks is taken to read it, so that it stays until it is dropped, or for a minute. */
  find(key: string): string | undefined {
    const kept = this.#cached.get(key);
    if (kept === undefined) return undefined;
    kept.askedAt = performance.now();
    return kept.file.path;
  }

  /** Removes what is kept under this key; nothing is no error. */
  async drop(key: string): Promise<void> {
    const kept = this.#cached.get(key);
    this.#cached.delete(key);
    await kept?.file.remove();
  }

  /** Removes all that is kept under keys that begin like this. */
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

  /** A full disk is the server's trouble and passes: what is kept goes, and the client comes again. */
  async #explained(error: unknown): Promise<unknown> {
    if (!(error instanceof StorageError) || error.code !== 'storage-full') return error;
    while (await this.#dropOldest());
    return spoolFullError(error.cause);
  }

  async #dropOldest(): Promise<boolean> {
    const now = performance.now();
    for (const [key, { askedAt }] of this.#cached) {
      if (askedAt !== undefined && now - askedAt < READ_TIMEOUT) continue;
      await this.drop(key);
      return true;
    }
    return false;
  }
}
