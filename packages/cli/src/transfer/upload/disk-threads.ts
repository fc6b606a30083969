import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { WorkerClient, workerUrl } from '@partway/server/util/worker-client';
import { type DiskJob, type DiskResult, type ScannedEntry, toError } from './disk-messages.ts';

/** More threads do not make a disk faster. */
const MAX_THREADS = Math.min(4, Math.max(1, availableParallelism() - 1));
/** Limits of one hash job. A single file can have more bytes. */
const MAX_FILES = 64;
const MAX_BYTES = 8 * 1024 * 1024;
/** Another thread is started only if more than this is waiting to be hashed. */
const BYTES_PER_THREAD = 4 * MAX_BYTES;

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}
interface Scan extends Waiting<ScannedEntry[]> {
  folder: string;
}
interface Hash extends Waiting<string> {
  path: string;
  size: number;
}

type DiskThread = WorkerClient<DiskJob, DiskResult>;

/** Threads that list folders and hash files, so that the main thread only sends and reports. They are started on demand. */
export class DiskThreads implements Disposable {
  readonly #idle: DiskThread[] = [];
  readonly #all = new Set<DiskThread>();
  readonly #scans: Scan[] = [];
  readonly #hashes: Hash[] = [];
  #waitingBytes = 0;
  #dispatching = false;

  /** Lists a folder. */
  scan(folder: string): Promise<ScannedEntry[]> {
    const { promise, ...waiting } = Promise.withResolvers<ScannedEntry[]>();
    this.#scans.push({ ...waiting, folder });
    this.#dispatch();
    return promise;
  }

  /** Resolves with the SHA-1 of a file in hex. `size`: its expected size in bytes. */
  sha1(path: string, size: number): Promise<string> {
    const { promise, ...waiting } = Promise.withResolvers<string>();
    this.#hashes.push({ ...waiting, path, size });
    this.#waitingBytes += size;
    this.#dispatch();
    return promise;
  }

  [Symbol.dispose](): void {
    for (const thread of this.#all) void thread.terminate(new Error('The transfer has ended.'));
  }

  /** Runs once for all requests of one turn of the event loop, so that they become few jobs. */
  #dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    queueMicrotask(() => {
      this.#dispatching = false;
      while (this.#scans.length + this.#hashes.length > 0) {
        const thread = this.#takeIdle() ?? this.#startThread();
        if (thread === undefined) return;
        this.#assign(thread);
      }
    });
  }

  #takeIdle(): DiskThread | undefined {
    for (let thread = this.#idle.pop(); thread !== undefined; thread = this.#idle.pop()) {
      if (thread.lostError === undefined) return thread;
    }
    return undefined;
  }

  #startThread(): DiskThread | undefined {
    const isNeeded = this.#all.size === 0 || this.#waitingBytes > BYTES_PER_THREAD;
    if (!isNeeded || this.#all.size >= MAX_THREADS) return undefined;
    const worker = new Worker(workerUrl('disk-worker', import.meta.url), {
      name: 'disk',
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 8 },
    });
    const thread: DiskThread = new WorkerClient(worker, (cause) => {
      this.#all.delete(thread);
      return new Error(`A disk thread failed: ${cause.message}`, { cause });
    });
    this.#all.add(thread);
    return thread;
  }

  #assign(thread: DiskThread): void {
    const scan = this.#scans.shift();
    if (scan !== undefined) {
      void this.#run(thread, { kind: 'scan', folder: scan.folder }, [scan], (result) => {
        if ('entries' in result) scan.resolve(result.entries);
      });
      return;
    }
    const batch = this.#nextBatch();
    void this.#run(thread, { kind: 'hash', paths: batch.map(({ path }) => path) }, batch, (result) => {
      if (!('digests' in result)) return;
      for (const [index, digest] of result.digests.entries()) {
        if (typeof digest === 'string') batch[index]?.resolve(digest);
        else batch[index]?.reject(toError(digest));
      }
    });
  }

  #nextBatch(): Hash[] {
    let bytes = 0;
    let count = 0;
    for (const { size } of this.#hashes) {
      if (count > 0 && (count >= MAX_FILES || bytes + size > MAX_BYTES)) break;
      bytes += size;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#hashes.splice(0, count);
  }

  /** Never rejects. */
  async #run(
    thread: DiskThread,
    job: DiskJob,
    waiting: readonly Pick<Waiting<never>, 'reject'>[],
    onResult: (result: DiskResult) => void,
  ): Promise<void> {
    try {
      const result = await thread.request(job);
      if ('error' in result) throw toError(result.error);
      onResult(result);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
    if (thread.lostError === undefined) this.#idle.push(thread);
    this.#dispatch();
  }
}
