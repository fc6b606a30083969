import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Sha1 } from '../api/ids.ts';
import type { LocalBytes } from '../content/content.ts';
import type { DigestAnswer, DigestFailure, DigestJob, RunningDigest } from './digest-job.ts';

/** The digest of a key does not stand where the caller thought; it was dropped, and starts again at byte 0. */
export class DigestOutOfStep extends Error {
  override readonly name = 'DigestOutOfStep';
}

/** The worker died, or the pool was closed: its digests are gone, and start again at byte 0. */
export class DigestWorkerLost extends Error {
  override readonly name = 'DigestWorkerLost';
}

const SHA1_OF_NOTHING = 'da39a3ee5e6b4b0d3255bfef95601890afd80709' as Sha1;

interface Waiting {
  resolve(digest: RunningDigest | undefined): void;
  reject(error: Error): void;
}

/** One worker and the calls waiting for it, answered in the order they were made. Starts another when it has died. */
export class DigestLane {
  /** Keys pinned here; kept by the pool. */
  keys = 0;
  readonly #start: () => Worker;
  #worker: Worker | undefined;
  #waiting: Waiting[] = [];
  #closed = false;

  constructor(start: () => Worker) {
    this.#start = start;
    this.#running();
  }

  /** For choosing a lane: the work waiting counts first, the keys that may bring more break the tie. */
  get load(): number {
    return this.#waiting.length * 1_000_000 + this.keys;
  }

  async extend(key: string, from: number, bytes: LocalBytes): Promise<void> {
    await this.#ask({ kind: 'extend', key, from, bytes });
  }

  async current(key: string): Promise<RunningDigest> {
    return (await this.#ask({ kind: 'current', key })) ?? { sha1: SHA1_OF_NOTHING, length: 0 };
  }

  forget(key: string): void {
    // A worker that died has forgotten everything.
    this.#worker?.postMessage({ kind: 'forget', key } satisfies DigestJob);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#lose(new DigestWorkerLost('the digest pool was closed'));
    await worker?.terminate();
  }

  #ask(job: DigestJob): Promise<RunningDigest | undefined> {
    if (this.#closed) return Promise.reject(new DigestWorkerLost('the digest pool is closed'));
    return new Promise((resolve, reject) => {
      const worker = this.#running();
      worker.ref();
      worker.postMessage(job);
      this.#waiting.push({ resolve, reject });
    });
  }

  /** The worker, started anew where it has died: on the next call and not at once, lest one that cannot start spins. */
  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = this.#start();
    worker.on('message', (answer: DigestAnswer) => this.#answered(worker, answer));
    worker.on('error', (error) => this.#died(worker, error));
    worker.on('exit', () => this.#died(worker));
    // Only now: listening for messages makes a worker hold the process again.
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #answered(worker: Worker, answer: DigestAnswer): void {
    if (worker !== this.#worker) return;
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) worker.unref();
    if ('failure' in answer) waiting?.reject(errorOf(answer.failure));
    else waiting?.resolve(answer.digest);
  }

  #died(worker: Worker, cause?: unknown): void {
    if (worker !== this.#worker) return;
    this.#lose(new DigestWorkerLost('the worker that computed this digest died', { cause }));
  }

  #lose(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#worker = undefined;
    for (const call of waiting) call.reject(error);
  }
}

/** Starts the worker beside this file: TypeScript in a checkout, JavaScript in a build. */
export function startDigestWorker(): Worker {
  return new Worker(new URL(`./digest-worker${extname(import.meta.url)}`, import.meta.url), {
    name: 'digest',
    // Not those of the process: its entry and its input are none of the worker's.
    execArgv: [],
    // It keeps a hash state of about a kilobyte a key, and one buffer, which lies outside the heap.
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
}

function errorOf({ message, code, outOfStep }: DigestFailure): Error {
  if (outOfStep) return new DigestOutOfStep(message);
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}
