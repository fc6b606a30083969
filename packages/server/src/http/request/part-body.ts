import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SocketBody } from '../../storage/blob-store.ts';
import type { PartBody } from '../../uploads/part-locks.ts';
import { handOverBody } from '../connections/body-handover.ts';
import { createDisconnectSignal } from '../connections/disconnects.ts';
import { sendContinue } from './bodies.ts';

/**
 * The body of a part. A client that waits for "100 Continue" gets it when the body is first read. After `destroy`, the
 * request fails at once, and the client gets a response before the connection is closed.
 */
export class RequestBody implements PartBody {
  readonly signal: AbortSignal;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  readonly #canHandOver: boolean;
  readonly #controller = new AbortController();
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #failure: Error | undefined;
  #rejectNext: (reason: Error) => void = () => {};

  /** @param canHandOver Whether the store may receive the body from the connection. */
  constructor(request: FastifyRequest, reply: FastifyReply, { canHandOver = false } = {}) {
    this.#canHandOver = canHandOver;
    this.#request = request;
    this.#reply = reply;
    this.signal = createDisconnectSignal(request, reply, this.#controller);
  }

  destroy(reason: Error): void {
    if (this.#request.raw.readableEnded) return;
    this.#failure ??= reason;
    this.#rejectNext(this.#failure);
    this.#controller.abort(this.#failure);
    // Half-open connections do not have to wait for their timeout.
    this.#reply.header('connection', 'close');
    // Takes effect when the next chunk arrives. The rest of the body is discarded after the response.
    this.#chunks?.return?.().catch(() => {});
  }

  async handOver(): Promise<SocketBody | undefined> {
    const { raw } = this.#request;
    if (!this.#canHandOver || this.#failure !== undefined) return undefined;
    sendContinue(raw);
    return handOverBody(raw, this.signal);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const { raw } = this.#request;
    if (this.#failure === undefined) sendContinue(raw);
    // A response follows even if the body was not read to its end, so the iterator must not destroy the connection.
    this.#chunks = raw.iterator({ destroyOnReturn: false });
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<Uint8Array>>();
    if (this.#failure !== undefined) reject(this.#failure);
    else {
      // Not `Promise.race`, which would keep every chunk in memory until the end of the request.
      this.#rejectNext = reject;
      this.#chunks?.next().then(resolve, reject);
    }
    return promise;
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    return (await this.#chunks?.return?.()) ?? { done: true, value: undefined };
  }
}
