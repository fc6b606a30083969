import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

interface Waiting {
  resolve(sha1: string): void;
  reject(error: unknown): void;
}

/** A thread that reads and hashes one source, so that the main thread only sends. */
export class HashThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #jobs = 0;

  /** With a path, the thread reads that file itself. */
  constructor(path?: string) {
    this.#worker = new Worker(new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url), {
      name: 'hash',
      workerData: { path },
      // Not those of the process: its entry and its input are none of the worker's.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (answer: HashAnswer) => this.#answered(answer));
    this.#worker.on('error', (error) => this.#died(error));
    this.#worker.on('exit', () => this.#died(new Error('The thread that hashes this upload ended.')));
  }

  /** The SHA-1 in hex of the next `size` bytes, which are in `memory`, or come into it where the thread has a path. */
  part(offset: number, size: number, memory?: SharedArrayBuffer): Promise<string> {
    return this.#ask({ kind: 'part', id: this.#nextId(), offset, size, memory });
  }

  /** The SHA-1 in hex of everything so far. */
  whole(): Promise<string> {
    return this.#ask({ kind: 'whole', id: this.#nextId() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #nextId(): number {
    this.#jobs += 1;
    return this.#jobs;
  }

  #ask(job: HashJob): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.set(job.id, { resolve, reject });
    this.#worker.postMessage(job);
    return promise;
  }

  #answered(answer: HashAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(answer.error);
    else waiting?.resolve(answer.sha1);
  }

  #died(error: unknown): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

/** What is asked of the hash thread, and what it answers. Jobs are done one after the other, as they come. */
export type HashJob =
  /** The next bytes of the whole: of the thread's file at `offset`, into `memory` where that is given; else of `memory`. */
  | { kind: 'part'; id: number; offset: number; size: number; memory: SharedArrayBuffer | undefined }
  /** The digest of all bytes so far. Nothing can be asked afterwards. */
  | { kind: 'whole'; id: number };

export type HashAnswer = { id: number; sha1: string } | { id: number; error: unknown };
