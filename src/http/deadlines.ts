import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { departed } from './departed.ts';

/** What of a body may have been read with the headers before it. */
const READ_AT_ONCE = 64 * 1024;

/** How slowly a client may send a body, or take a response, before its connection is closed. */
export interface Pace {
  /** Over which time the pace is taken, in milliseconds. */
  windowMillis: number;
  /** The fewest bytes that must pass in such a window. */
  bytes: number;
}

/** A request and the response to it. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

export interface DeadlineOptions<E extends Exchange> {
  body: Pace;
  response: Pace;
  /** The body has stopped, or comes too slowly. Called once. */
  onSlowBody: (exchange: E) => void;
  /** The client does not read the response, or reads it too slowly. Called once. */
  onSlowReader: (exchange: E) => void;
  /** The client is gone, and the rest of its body will not come. */
  onDeparted: (socket: Socket) => void;
}

/** Bytes at a moment, from which the pace is taken. */
interface Since {
  bytes: number;
  at: number;
}

/**
 * Sees to it that nobody holds a connection for nothing. Time in which the server itself does not read (a slow disk) or
 * has nothing to send is not held against the client. Bodies of refused requests are watched to their end as well.
 */
export class Deadlines<E extends Exchange> {
  readonly #options: DeadlineOptions<E>;
  readonly #watched = new Map<E, { begun: number; received: Since; taken: Since }>();
  readonly #timer: NodeJS.Timeout;
  #isLookingForDeparted = false;

  constructor(options: DeadlineOptions<E>) {
    this.#options = options;
    const shortest = Math.min(options.body.windowMillis, options.response.windowMillis);
    this.#timer = setInterval(() => this.#look(), Math.min(1_000, shortest / 4));
    this.#timer.unref();
  }

  /**
   * From now until the body has come and the response is sent, or the connection is closed. `begun` is how much had been
   * read from the connection when the request's headers were.
   */
  watch(exchange: E, begun: number): void {
    const at = performance.now();
    const { socket } = exchange.request;
    this.#watched.set(exchange, {
      begun,
      received: { bytes: socket.bytesRead, at },
      taken: { bytes: bytesTaken(socket), at },
    });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    for (const [exchange, { received, taken }] of this.#watched) {
      const { request, response } = exchange;
      const { socket } = request;
      if (socket.destroyed || (request.complete && response.closed)) {
        this.#watched.delete(exchange);
      } else if (isLate(received, { bytes: socket.bytesRead, at: now }, this.#options.body, waitsForBody(request))) {
        this.#watched.delete(exchange);
        this.#options.onSlowBody(exchange);
      } else if (
        isLate(taken, { bytes: bytesTaken(socket), at: now }, this.#options.response, waitsForReader(exchange))
      ) {
        this.#watched.delete(exchange);
        this.#options.onSlowReader(exchange);
      }
    }
    this.#lookForDeparted().catch(() => {});
  }

  /** Of bodies that the server does not read now, those whose clients are gone. */
  async #lookForDeparted(): Promise<void> {
    if (this.#isLookingForDeparted) return;
    this.#isLookingForDeparted = true;
    try {
      const unread = [...this.#watched].flatMap(([{ request }, { begun }]) => {
        const { socket } = request;
        if (request.complete || socket.destroyed || waitsForBody(request)) return [];
        const length = Number(request.headers['content-length'] ?? Number.NaN);
        const came = socket.bytesRead - begun + READ_AT_ONCE;
        return [{ socket, missing: Number.isSafeInteger(length) ? length - came : undefined }];
      });
      for (const socket of await departed(unread)) this.#options.onDeparted(socket);
    } finally {
      this.#isLookingForDeparted = false;
    }
  }
}

/** Whether too little has passed since `since`, which is moved up to `now` if enough has or the client is not to blame. */
function isLate(since: Since, now: Since, pace: Pace, isClientsTurn: boolean): boolean {
  if (!isClientsTurn || now.bytes - since.bytes >= pace.bytes) {
    Object.assign(since, now);
    return false;
  }
  return now.at - since.at >= pace.windowMillis;
}

function waitsForBody(request: IncomingMessage): boolean {
  return !request.complete && request.readableLength < request.readableHighWaterMark;
}

function waitsForReader({ request, response }: Exchange): boolean {
  return response.headersSent && !response.writableFinished && request.socket.writableLength > 0;
}

/**
 * Bytes that the system has taken from a connection so far. Node counts a write when it begins and forgets it when it
 * ends, so that a large one would look as if nothing moved; its handle knows how much is left of it.
 */
function bytesTaken(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { bytesWritten?: number; writeQueueSize?: number } | null };
  if (handle?.bytesWritten !== undefined && handle.writeQueueSize !== undefined) {
    return handle.bytesWritten - handle.writeQueueSize;
  }
  return socket.bytesWritten - socket.writableLength;
}
