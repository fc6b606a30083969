import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { findDisconnected } from './disconnects.ts';
import { TcpTable } from './tcp-table.ts';

/** What of a body may have been read with the headers before it. */
const HEADER_READ_BYTES = 64 * 1024;

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

interface DeadlineOptions<E extends Exchange> {
  body: Pace;
  response: Pace;
  /** The body has stopped, or comes too slowly. Called once. */
  onSlowBody: (exchange: E) => void;
  /** The client does not read the response, or reads it too slowly. Called once. */
  onSlowReader: (exchange: E) => void;
  /** The rest of the body will not come: the client has closed its side, or is gone. Called once. */
  onIncompleteBody: (exchange: E) => void;
}

/** Bytes at a moment, from which the pace is taken. */
interface Sample {
  bytes: number;
  at: number;
}

interface Watched {
  /** What had been read from the connection when the request's headers were. */
  bytesReadBefore: number;
  received: Sample;
  /** What the system has taken of the response. */
  sent: Sample;
  /** What the client has acknowledged, since the system takes nothing more. */
  acknowledged: Sample | undefined;
}

/**
 * Sees to it that nobody holds a connection for nothing. Time in which the server itself does not read (a slow disk) or
 * has nothing to send is not held against the client. Bodies of refused requests are watched to their end as well.
 */
export class Deadlines<E extends Exchange> {
  readonly #options: DeadlineOptions<E>;
  readonly #watched = new Map<E, Watched>();
  /** How often it looks, in milliseconds. */
  readonly #interval: number;
  readonly #timer: NodeJS.Timeout;
  #isCheckingDisconnects = false;
  #isCheckingReaders = false;

  constructor(options: DeadlineOptions<E>) {
    this.#options = options;
    const shortest = Math.min(options.body.windowMillis, options.response.windowMillis);
    this.#interval = Math.min(1_000, shortest / 4);
    this.#timer = setInterval(() => this.#check(), this.#interval);
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
      bytesReadBefore: begun,
      received: { bytes: socket.bytesRead, at },
      sent: { bytes: countBytesSent(socket), at },
      acknowledged: undefined,
    });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const now = performance.now();
    const { body, response: pace } = this.#options;
    const stalled: E[] = [];
    for (const [exchange, watched] of this.#watched) {
      const { received, sent: taken } = watched;
      const { request, response } = exchange;
      const { socket } = request;
      if (socket.destroyed || (request.complete && response.closed)) {
        this.#watched.delete(exchange);
      } else if (isTooSlow(received, { bytes: socket.bytesRead, at: now }, body, waitsForBody(request))) {
        this.#watched.delete(exchange);
        this.#options.onSlowBody(exchange);
      } else if (updateIfMoving(taken, { bytes: countBytesSent(socket), at: now }, pace, waitsForReader(exchange))) {
        watched.acknowledged = undefined;
      } else if (
        now - (watched.acknowledged ?? taken).at >=
        (watched.acknowledged ? pace.windowMillis : this.#interval)
      ) {
        stalled.push(exchange);
      }
    }
    this.#checkReaders(stalled).catch(() => {});
    this.#checkDisconnects().catch(() => {});
  }

  /**
   * Of responses of which the system takes nothing more, those that their clients do not read. The system's buffer has room
   * for some megabytes, which a slow client reads for minutes before there is room again; so it is asked what the client
   * has acknowledged, once when nothing moves and once a window later.
   */
  async #checkReaders(stalled: readonly E[]): Promise<void> {
    if (stalled.length === 0 || this.#isCheckingReaders) return;
    this.#isCheckingReaders = true;
    try {
      const table = await TcpTable.read();
      const now = performance.now();
      for (const exchange of stalled) {
        const watched = this.#watched.get(exchange);
        const { socket } = exchange.request;
        if (watched === undefined || socket.destroyed) continue;
        const row = table?.find(socket);
        const unsent = row === undefined || row === 'unknown' ? 0 : row.unacknowledged;
        const acknowledged = { bytes: countBytesSent(socket) - unsent, at: now };
        const before = watched.acknowledged;
        watched.acknowledged = acknowledged;
        if (before === undefined || acknowledged.bytes - before.bytes >= this.#options.response.bytes) continue;
        this.#watched.delete(exchange);
        this.#options.onSlowReader(exchange);
      }
    } finally {
      this.#isCheckingReaders = false;
    }
  }

  /** Of bodies that the server does not read now, those whose clients are gone. */
  async #checkDisconnects(): Promise<void> {
    if (this.#isCheckingDisconnects) return;
    this.#isCheckingDisconnects = true;
    try {
      const unread = [...this.#watched].flatMap(([exchange, { bytesReadBefore: begun }]) => {
        const { request } = exchange;
        const { socket } = request;
        if (request.complete || socket.destroyed || waitsForBody(request)) return [];
        const length = Number(request.headers['content-length'] ?? Number.NaN);
        const came = socket.bytesRead - begun + HEADER_READ_BYTES;
        return [{ exchange, socket, missing: Number.isSafeInteger(length) ? length - came : undefined }];
      });
      for (const { exchange } of await findDisconnected(unread)) {
        if (this.#watched.delete(exchange)) this.#options.onIncompleteBody(exchange);
      }
    } finally {
      this.#isCheckingDisconnects = false;
    }
  }
}

/** Whether too little has passed since `since` for a whole window. */
function isTooSlow(since: Sample, now: Sample, pace: Pace, isClientsTurn: boolean): boolean {
  return !updateIfMoving(since, now, pace, isClientsTurn) && now.at - since.at >= pace.windowMillis;
}

/** Whether enough has passed since `since`, or the client is not to blame; then `since` is moved up to `now`. */
function updateIfMoving(since: Sample, now: Sample, pace: Pace, isClientsTurn: boolean): boolean {
  const moves = !isClientsTurn || now.bytes - since.bytes >= pace.bytes;
  if (moves) Object.assign(since, now);
  return moves;
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
function countBytesSent(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { bytesWritten?: number; writeQueueSize?: number } | null };
  if (handle?.bytesWritten !== undefined && handle.writeQueueSize !== undefined) {
    return handle.bytesWritten - handle.writeQueueSize;
  }
  return socket.bytesWritten - socket.writableLength;
}
