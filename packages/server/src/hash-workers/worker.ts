import { extname } from 'node:path';
import { type TransferListItem, Worker } from 'node:worker_threads';
import { type DigestFailure, DigestOutOfStepError, DigestStateUnusableError, DigestWorkerLostError } from './errors.ts';

/** What a worker sends back, one answer a job, in the order of the jobs. */
export type WorkerReply<Result> = { result: Result } | { failure: DigestFailure };

interface Waiting<Result> {
  resolve(result: Result): void;
  reject(error: Error): void;
}

/** One worker and the calls waiting for it, answered in the order they were made. Starts another when it has died. */
export class WorkerClient<Job, Result> {
  readonly #start: () => Worker;
  #worker: Worker | undefined;
  #waiting: Waiting<Result>[] = [];
  #closed = false;

  constructor(start: () => Worker) {
    this.#start = start;
    this.#running();
  }

  /** How many calls are waiting. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Hands a job over, and what is in `transfer` with it, which is the worker's from then on. */
  ask(job: Job, transfer: readonly TransferListItem[] = []): Promise<Result> {
    if (this.#closed) return Promise.reject(new DigestWorkerLostError('the digest pool is closed'));
    return new Promise((resolve, reject) => {
      const worker = this.#running();
      worker.ref();
      worker.postMessage(job, transfer);
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Hands over a job that gets no answer; a worker that has died need not be told. */
  tell(job: Job): void {
    this.#worker?.postMessage(job);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#lose(new DigestWorkerLostError('the digest pool was closed'));
    await worker?.terminate();
  }

  /** The worker, started anew where it has died: on the next call and not at once, lest one that cannot start spins. */
  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = this.#start();
    worker.on('message', (answer: WorkerReply<Result>) => this.#answered(worker, answer));
    worker.on('error', (error) => this.#died(worker, error));
    worker.on('exit', () => this.#died(worker));
    // Only now: listening for messages makes a worker hold the process again.
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #answered(worker: Worker, answer: WorkerReply<Result>): void {
    if (worker !== this.#worker) return;
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) worker.unref();
    if ('failure' in answer) waiting?.reject(errorOf(answer.failure));
    else waiting?.resolve(answer.result);
  }

  #died(worker: Worker, cause?: unknown): void {
    if (worker !== this.#worker) return;
    this.#lose(new DigestWorkerLostError('the worker that computed this digest died', { cause }));
  }

  #lose(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#worker = undefined;
    for (const call of waiting) call.reject(error);
  }
}

function errorOf({ message, code, kind }: DigestFailure): Error {
  if (kind === 'out of step') return new DigestOutOfStepError(message);
  if (kind === 'unusable state') return new DigestStateUnusableError(message);
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** Starts a worker that lies in this folder: TypeScript in a checkout, JavaScript in a build. */
export function startWorker(name: 'native-worker' | 'resumable-worker'): Worker {
  return new Worker(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url), {
    name,
    // Not those of the process: its entry and its input are none of the worker's.
    execArgv: [],
    // It keeps a hash state of about a kilobyte a key, and one buffer, which lies outside the heap.
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
}
