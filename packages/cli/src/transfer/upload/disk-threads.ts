import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type DiskAnswer, type DiskJob, type ScannedEntry, toError } from './disk-messages.ts';

/** At most so many threads; a disk gives no more beyond. */
const MOST_THREADS = Math.min(4, Math.max(1, availableParallelism() - 1));
/** What one job hashes at most: so many files, and bytes of them unless a single file has more. */
const MOST_FILES = 64;
const MOST_BYTES = 8 * 1024 * 1024;
/** Another thread is worth its start when so much waits to be hashed. */
const WORTH_A_THREAD = 4 * MOST_BYTES;

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

/** Threads that look into folders and hash files, so that the main thread only sends and tells. Begun when they are needed. */
export class DiskThreads implements Disposable {
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  readonly #scans: Scan[] = [];
  readonly #hashes: Hash[] = [];
  #waitingBytes = 0;
  #dispatching = false;

  /** What is in a folder, by name. */
  scan(folder: string): Promise<ScannedEntry[]> {
    const { promise, ...waiting } = Promise.withResolvers<ScannedEntry[]>();
    this.#scans.push({ ...waiting, folder });
    this.#wake();
    return promise;
  }

  /** The SHA-1 of a file in hex. `size` is what is expected of it, in bytes. */
  sha1(path: string, size: number): Promise<string> {
    const { promise, ...waiting } = Promise.withResolvers<string>();
    this.#hashes.push({ ...waiting, path, size });
    this.#waitingBytes += size;
    this.#wake();
    return promise;
  }

  [Symbol.dispose](): void {
    for (const worker of this.#all) void worker.terminate();
  }

  /** Once for all that is asked in one turn, so that it goes out in few jobs. */
  #wake(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    queueMicrotask(() => {
      this.#dispatching = false;
      while (this.#scans.length + this.#hashes.length > 0) {
        const worker = this.#idle.pop() ?? this.#another();
        if (worker === undefined) return;
        this.#give(worker);
      }
    });
  }

  #another(): Worker | undefined {
    const wanted = this.#all.size === 0 || this.#waitingBytes > WORTH_A_THREAD;
    if (!wanted || this.#all.size >= MOST_THREADS) return undefined;
    const worker = new Worker(new URL(`./disk-worker${extname(import.meta.url)}`, import.meta.url), {
      name: 'disk',
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 8 },
    });
    this.#all.add(worker);
    return worker;
  }

  #give(worker: Worker): void {
    const scan = this.#scans.shift();
    if (scan !== undefined) {
      this.#ask(worker, { kind: 'scan', folder: scan.folder }, [scan], (answer) => {
        if ('entries' in answer) scan.resolve(answer.entries);
      });
      return;
    }
    const batch = this.#nextBatch();
    this.#ask(worker, { kind: 'hash', paths: batch.map(({ path }) => path) }, batch, (answer) => {
      if (!('digests' in answer)) return;
      for (const [index, digest] of answer.digests.entries()) {
        if (typeof digest === 'string') batch[index]?.resolve(digest);
        else batch[index]?.reject(toError(digest));
      }
    });
  }

  #nextBatch(): Hash[] {
    let bytes = 0;
    let count = 0;
    for (const { size } of this.#hashes) {
      if (count > 0 && (count >= MOST_FILES || bytes + size > MOST_BYTES)) break;
      bytes += size;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#hashes.splice(0, count);
  }

  #ask(
    worker: Worker,
    job: DiskJob,
    waiting: readonly Pick<Waiting<never>, 'reject'>[],
    settle: (answer: DiskAnswer) => void,
  ): void {
    const fail = (error: unknown) => {
      for (const { reject } of waiting) reject(error);
    };
    const onMessage = (answer: DiskAnswer) => {
      worker.off('error', onError);
      worker.off('exit', onExit);
      if ('error' in answer) fail(toError(answer.error));
      else settle(answer);
      this.#idle.push(worker);
      this.#wake();
    };
    const onError = (error: unknown) => {
      this.#all.delete(worker);
      fail(error);
      this.#wake();
    };
    const onExit = () => onError(new Error('The thread that reads files ended.'));
    worker.once('message', onMessage);
    worker.once('error', onError);
    worker.once('exit', onExit);
    worker.postMessage(job);
  }
}
