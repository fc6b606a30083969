import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { SerialQueue } from '../../util/keyed-queue.ts';
import { StorageError } from '../errors.ts';

/** Space left free for everything else on the disk, above all the database: 1% of the disk, up to this many bytes. */
const MAX_MARGIN: number = 256 * 1024 * 1024;

/**
 * Counts the bytes of a disk that are reserved for files that are not fully written yet. The files of uploads are sparse, so
 * the file system does not know how much space they will use. Only space that is free and not reserved is available.
 */
export class DiskSpace {
  readonly #folder: string;
  /** The number of bytes that a file will still use, by its name. */
  readonly #reserved = new Map<string, number>();
  #total = 0;
  /** One reservation at a time, so that each sees the earlier ones. */
  readonly #reservations = new SerialQueue();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reserves what the files in `folder` will still use, after a restart. */
  async countAll(folder: string): Promise<void> {
    for (const name of await readdir(folder)) await this.recount(name, join(folder, name));
  }

  /** Reserves `bytes` more for a file. Throws `storage-full` if they are not free, or reserved for others. */
  reserve(name: string, bytes: number): Promise<void> {
    return this.#reservations.run(() => this.#reserve(name, bytes));
  }

  async #reserve(name: string, bytes: number): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.#folder);
    const margin = Math.min(MAX_MARGIN, Math.floor((blocks * bsize) / 100));
    const free = Math.max(0, bavail * bsize - margin - this.#total);
    if (bytes > free) {
      throw new StorageError(
        'storage-full',
        `The server's disk has no space for ${bytes} bytes: ${free} are free and not reserved for other uploads. ` +
          'Try again later, or ask the operator for more space.',
      );
    }
    this.#set(name, (this.#reserved.get(name) ?? 0) + bytes);
  }

  reservedFor(name: string): number {
    return this.#reserved.get(name) ?? 0;
  }

  /** Reduces the reservation of a file by the bytes that it has written. */
  consume(name: string, bytes: number): void {
    const reserved = this.#reserved.get(name);
    if (reserved !== undefined) this.#set(name, Math.max(0, reserved - bytes));
  }

  /** Sets the reservation to what the sparse file at `path` will still use. */
  async recount(name: string, path: string): Promise<void> {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) this.#set(name, Math.max(0, found.size - found.blocks * 512));
  }

  /** Releases the reservation of a file that is complete or removed. */
  release(name: string): void {
    this.#total -= this.#reserved.get(name) ?? 0;
    this.#reserved.delete(name);
  }

  #set(name: string, bytes: number): void {
    this.#total += bytes - (this.#reserved.get(name) ?? 0);
    this.#reserved.set(name, bytes);
  }
}
