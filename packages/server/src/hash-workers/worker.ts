import { extname } from 'node:path';
import { type TransferListItem, Worker } from 'node:worker_threads';
import { type DigestFailure, DigestOutOfStepError, DigestStateUnusableError, DigestWorkerLostError } from './errors.ts';

/** A worker's reply to a job. Replies come in the order of the jobs. */
export type WorkerReply<Result> = { result: Result } | { failure: DigestFailure };

interface PendingRequest<Result> {
  resolve(result: Result): void;
  reject(error: Error): void;
}

/** A worker thread and the requests that it has not answered yet. A worker that has died is replaced at the next request. */
export class WorkerClient<Job, Result> {
  readonly #start: () => Worker;
  #worker: Worker | undefined;
  #pending: PendingRequest<Result>[] = [];
  #isClosed = false;

  constructor(start: () => Worker) {
    this.#start = start;
    this.#ensureWorker();
  }

  /** Number of requests without a reply. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Sends a job and resolves to its result. Buffers in `transfer` belong to the worker from then on. */
  request(job: Job, transfer: readonly TransferListItem[] = []): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new DigestWorkerLostError('the hash worker pool is closed'));
    return new Promise((resolve, reject) => {
      const worker = this.#ensureWorker();
      worker.ref();
      worker.postMessage(job, transfer);
      this.#pending.push({ resolve, reject });
    });
  }

  /** Sends a job that gets no reply. Does nothing if the worker has died: its state is gone. */
  send(job: Job): void {
    this.#worker?.postMessage(job);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#rejectPending(new DigestWorkerLostError('the hash worker pool was closed'));
    await worker?.terminate();
  }

  /** A new worker is started at a request and not when the old one dies, so a worker that cannot start does not loop. */
  #ensureWorker(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = this.#start();
    worker.on('message', (reply: WorkerReply<Result>) => this.#onReply(worker, reply));
    worker.on('error', (error) => this.#onExit(worker, error));
    worker.on('exit', () => this.#onExit(worker));
    // After the listeners: adding one for messages makes the worker keep the process running again.
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #onReply(worker: Worker, reply: WorkerReply<Result>): void {
    if (worker !== this.#worker) return;
    const request = this.#pending.shift();
    if (this.#pending.length === 0) worker.unref();
    if ('failure' in reply) request?.reject(fromFailure(reply.failure));
    else request?.resolve(reply.result);
  }

  #onExit(worker: Worker, cause?: unknown): void {
    if (worker !== this.#worker) return;
    this.#rejectPending(new DigestWorkerLostError('the worker that computed this digest died', { cause }));
  }

  #rejectPending(error: Error): void {
    const requests = this.#pending;
    this.#pending = [];
    this.#worker = undefined;
    for (const request of requests) request.reject(error);
  }
}

function fromFailure({ message, code, kind }: DigestFailure): Error {
  if (kind === 'out of step') return new DigestOutOfStepError(message);
  if (kind === 'unusable state') return new DigestStateUnusableError(message);
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** Starts a worker from this folder: TypeScript in a checkout, JavaScript in a build. */
export function startWorker(name: 'native-worker' | 'resumable-worker'): Worker {
  return new Worker(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url), {
    name,
    // The flags of this process, such as --eval and --input-type, are not meant for the worker.
    execArgv: [],
    // A worker keeps a hash state of about 1 KB per key. Its read buffer is outside the heap.
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
}
