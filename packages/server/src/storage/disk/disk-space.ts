import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { SerialQueue } from '../../util/keyed-queue.ts';
import { StorageError } from '../errors.ts';

/** Left free for everything else on the disk, the database first: one percent of it, and no more than this. */
const MAX_MARGIN: number = 256 * 1024 * 1024;

/**
 * How many bytes of a disk are promised to files that are not written yet. A file of an upload is sparse, so the file system
 * knows nothing of what it will take; what is free counts only as far as nobody has been promised it.
 */
export class DiskSpace {
  readonly #folder: string;
  /** Bytes that a file will still take, by its name. */
  readonly #reserved = new Map<string, number>();
  #sum = 0;
  /** One reservation after the other, so that each one sees those before it. */
  readonly #reservations = new SerialQueue();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Counts what the files in `folder` have still to take, as after a restart. */
  async count(folder: string): Promise<void> {
    for (const name of await readdir(folder)) await this.recount(name, join(folder, name));
  }

  /** Promises `bytes` to a file. Refuses `insufficient_storage` if they are not free, or promised to others. */
  reserve(name: string, bytes: number): Promise<void> {
    return this.#reservations.run(() => this.#reserve(name, bytes));
  }

  async #reserve(name: string, bytes: number): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.#folder);
    const margin = Math.min(MAX_MARGIN, Math.floor((blocks * bsize) / 100));
    const free = Math.max(0, bavail * bsize - margin - this.#sum);
    if (bytes > free) {
      throw new StorageError(
        'storage-full',
        `The disk of this server has no room for ${bytes} bytes: ${free} are free and not promised to other uploads. ` +
          'Try again once there is room, or ask the operator for more.',
      );
    }
    this.#set(name, (this.#reserved.get(name) ?? 0) + bytes);
  }

  reservedFor(name: string): number {
    return this.#reserved.get(name) ?? 0;
  }

  /** A file has taken some of what it was promised. */
  taken(name: string, bytes: number): void {
    const promised = this.#reserved.get(name);
    if (promised !== undefined) this.#set(name, Math.max(0, promised - bytes));
  }

  /** Looks how much a sparse file at `path` has still to take. */
  async recount(name: string, path: string): Promise<void> {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) this.#set(name, Math.max(0, found.size - found.blocks * 512));
  }

  /** A file takes nothing more: it is whole, or gone. */
  release(name: string): void {
    this.#sum -= this.#reserved.get(name) ?? 0;
    this.#reserved.delete(name);
  }

  #set(name: string, bytes: number): void {
    this.#sum += bytes - (this.#reserved.get(name) ?? 0);
    this.#reserved.set(name, bytes);
  }
}
