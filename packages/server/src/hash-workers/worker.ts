import { type TransferListItem, Worker } from 'node:worker_threads';
import { WorkerClient, workerUrl } from '../util/worker-client.ts';
import { type DigestFailure, DigestOutOfStepError, DigestStateUnusableError, DigestWorkerLostError } from './errors.ts';

/** A worker's reply to a job. */
export type WorkerReply<Result> = { result: Result } | { failure: DigestFailure };

/**
 * A worker thread. One that has died is replaced at the next request, and not when it dies, so that a worker that cannot
 * start does not loop.
 */
export class HashWorker<Job, Result> {
  readonly #start: () => Worker;
  #client: WorkerClient<Job, WorkerReply<Result>>;
  #isClosed = false;

  constructor(start: () => Worker) {
    this.#start = start;
    this.#client = this.#connect();
  }

  /** Number of requests without a reply. */
  get pending(): number {
    return this.#client.pending;
  }

  /** Sends a job and resolves to its result. Buffers in `transfer` belong to the worker from then on. */
  async request(job: Job, transfer: readonly TransferListItem[] = []): Promise<Result> {
    if (this.#isClosed) throw new DigestWorkerLostError('the hash worker pool is closed');
    if (this.#client.lostError !== undefined) this.#client = this.#connect();
    const reply = await this.#client.request(job, transfer);
    if ('failure' in reply) throw fromFailure(reply.failure);
    return reply.result;
  }

  /** Sends a job that gets no reply. Does nothing if the worker has died: its state is gone. */
  send(job: Job): void {
    this.#client.send(job);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#client.terminate(new DigestWorkerLostError('the hash worker pool was closed'));
  }

  #connect(): WorkerClient<Job, WorkerReply<Result>> {
    return new WorkerClient(
      this.#start(),
      (cause) => new DigestWorkerLostError('the worker that computed this digest died', { cause }),
    );
  }
}

function fromFailure({ message, code, kind }: DigestFailure): Error {
  if (kind === 'out of step') return new DigestOutOfStepError(message);
  if (kind === 'unusable state') return new DigestStateUnusableError(message);
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** Starts a worker from this folder. */
export function startWorker(name: 'crypto-worker' | 'resumable-worker'): Worker {
  return new Worker(workerUrl(name, import.meta.url), {
    name,
    // The flags of this process, such as --eval and --input-type, are not meant for the worker.
    execArgv: [],
    // A worker keeps a hash state of about 1 KB per key. Its read buffer is outside the heap.
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
}
