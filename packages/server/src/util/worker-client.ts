import { extname } from 'node:path';
import { parentPort, type TransferListItem, type Worker } from 'node:worker_threads';

interface RequestMessage<Request> {
  id: number;
  request: Request;
}

interface ReplyMessage<Reply> {
  id: number;
  reply: Reply;
}

interface PendingRequest<Reply> {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** Sends requests to a worker thread that calls `serveRequests`. A thread keeps the process running only while it works. */
export class WorkerClient<Request, Reply> {
  readonly #worker: Worker;
  readonly #explain: (cause: Error) => Error;
  readonly #pending = new Map<number, PendingRequest<Reply>>();
  #lastId = 0;
  #lostError: Error | undefined;

  /**
   * @param explain Called once, when the thread ends by itself. Returns the error for all pending and later requests. Must
   *   not throw.
   */
  constructor(worker: Worker, explain: (cause: Error) => Error) {
    this.#worker = worker;
    this.#explain = explain;
    worker.on('message', (message: ReplyMessage<Reply>) => this.#onReply(message));
    worker.on('error', (error: unknown) => this.#onExit(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', (code) => this.#onExit(new Error(`the thread exited unexpectedly with code ${code}`)));
    // After the listeners: adding one for messages makes the worker keep the process running again.
    worker.unref();
  }

  /** Number of requests without a reply. */
  get pending(): number {
    return this.#pending.size;
  }

  /** The error with which all requests reject since the thread has ended. */
  get lostError(): Error | undefined {
    return this.#lostError;
  }

  /** Resolves to the reply. Buffers in `transfer` belong to the thread from then on. */
  request(request: Request, transfer: readonly TransferListItem[] = []): Promise<Reply> {
    if (this.#lostError !== undefined) return Promise.reject(this.#lostError);
    return new Promise((resolve, reject) => {
      this.#lastId += 1;
      this.#worker.postMessage({ id: this.#lastId, request } satisfies RequestMessage<Request>, transfer);
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(this.#lastId, { resolve, reject });
    });
  }

  /** Sends a request that gets no reply. Does nothing if the thread has ended. */
  send(request: Request): void {
    this.#lastId += 1;
    this.#worker.postMessage({ id: this.#lastId, request } satisfies RequestMessage<Request>);
  }

  /** Ends the thread now. All pending and later requests reject with `error`, unless the thread had ended before. */
  async terminate(error: Error): Promise<void> {
    this.#rejectAll(error);
    await this.#worker.terminate();
  }

  #onReply({ id, reply }: ReplyMessage<Reply>): void {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker.unref();
    request?.resolve(reply);
  }

  #onExit(cause: Error): void {
    if (this.#lostError === undefined) this.#rejectAll(this.#explain(cause));
  }

  #rejectAll(error: Error): void {
    this.#lostError ??= error;
    const requests = [...this.#pending.values()];
    this.#pending.clear();
    for (const request of requests) request.reject(this.#lostError);
  }
}

/** Runs in a worker thread: calls `handle` for each request, in order, with a function that sends its reply. */
export function serveRequests<Request, Reply>(handle: (request: Request, reply: (reply: Reply) => void) => void): void {
  const port = parentPort;
  if (port === null) throw new Error('Requests are served only in a worker thread.');
  port.on('message', ({ id, request }: RequestMessage<Request>) => {
    handle(request, (reply) => port.postMessage({ id, reply } satisfies ReplyMessage<Reply>));
  });
}

/** The script of a thread, beside the module with the URL `from`: TypeScript in a checkout, JavaScript in a build. */
export function workerUrl(name: string, from: string): URL {
  return new URL(`./${name}${extname(from)}`, from);
}
