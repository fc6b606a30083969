import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PendingHashes } from '../upload/pending-hashes.ts';

/** Reads and hashes one source in a thread, so that the main thread only sends. */
export class HashThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #pending = new PendingHashes();

  /** If `path` is set, the thread reads that file itself. */
  constructor(path?: string) {
    this.#worker = new Worker(new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url), {
      name: 'hash',
      workerData: { path },
      // Flags of the process, such as `--input-type`, must not apply to the worker.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (result: HashResult) => this.#pending.settle(result.id, result));
    this.#worker.on('error', (error) => this.#pending.fail(error));
    this.#worker.on('exit', () => this.#pending.fail(new Error('The hashing thread exited unexpectedly.')));
  }

  /**
   * Resolves with the SHA-1 in hex of the next `size` bytes. Without a path, they are in `memory`. With a path, they are
   * read, into `memory` if it is set.
   */
  hashPart(offset: number, size: number, memory?: SharedArrayBuffer): Promise<string> {
    return this.#request((id) => ({ kind: 'part', id, offset, size, memory }));
  }

  /** Resolves with the SHA-1 in hex of all bytes so far. No further calls are possible. */
  finish(): Promise<string> {
    return this.#request((id) => ({ kind: 'whole', id }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #request(createJob: (id: number) => HashJob): Promise<string> {
    return this.#pending.request((id) => this.#worker.postMessage(createJob(id)));
  }
}

/** A job of the hash thread, which processes jobs in order. */
export type HashJob =
  /** Hash the next bytes: those of the thread's file at `offset`, read into `memory` if it is set; otherwise `memory`. */
  | { kind: 'part'; id: number; offset: number; size: number; memory: SharedArrayBuffer | undefined }
  /** Return the SHA-1 of all bytes so far. No jobs are possible afterwards. */
  | { kind: 'whole'; id: number };

export type HashResult = { id: number; sha1: string } | { id: number; error: unknown };
