import type { IncomingMessage, ServerResponse } from 'node:http';
import { countBytesReceived, isWaitingForClient } from './body-handover.ts';
import { findDisconnected } from './disconnects.ts';
import { countBytesSent, isWaitingForReader } from './file-response.ts';
import { TcpTable } from './tcp-table.ts';

/** The maximum of a body that can be read together with the headers. */
const HEADER_READ_BYTES = 64 * 1024;

/** The minimum speed at which a client must send a body or read a response. */
export interface Pace {
  windowMillis: number;
  /** The minimum number of bytes per window. */
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
  /** Called once if the body arrives too slowly. */
  onSlowBody: (exchange: E) => void;
  /** Called once if the client reads the response too slowly. */
  onSlowReader: (exchange: E) => void;
  /** Called once if the rest of the body will not arrive, because the client has closed its side or is disconnected. */
  onIncompleteBody: (exchange: E) => void;
}

/** A byte count at a time, as the start of a window. */
interface Sample {
  bytes: number;
  at: number;
}

interface Watched {
  /** Bytes read from the connection when the request's headers were parsed. */
  bytesReadBefore: number;
  received: Sample;
  /** Bytes that the system has accepted from the connection's responses. */
  sent: Sample;
  /** Bytes that the client has acknowledged. Only used while the system accepts no further bytes. */
  acknowledged: Sample | undefined;
}

/**
 * Detects clients that send or read too slowly. Time in which the server itself does not read (because of a slow disk)
 * or has nothing to send does not count. Bodies of rejected requests are watched until they end as well.
 */
export class Deadlines<E extends Exchange> {
  readonly #options: DeadlineOptions<E>;
  readonly #watched = new Map<E, Watched>();
  /** Milliseconds between checks. */
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
   * Watches an exchange until its body has arrived and its response is sent, or the connection is closed.
   * `bytesReadBefore` is the number of bytes read from the connection when the request's headers were parsed.
   */
  watch(exchange: E, bytesReadBefore: number): void {
    const at = performance.now();
    const { socket } = exchange.request;
    this.#watched.set(exchange, {
      bytesReadBefore,
      received: { bytes: countBytesReceived(socket), at },
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
      const { received, sent } = watched;
      const { request, response } = exchange;
      const { socket } = request;
      if (socket.destroyed || (request.complete && response.closed)) {
        this.#watched.delete(exchange);
      } else if (
        isTooSlow(received, { bytes: countBytesReceived(socket), at: now }, body, isWaitingForClient(request))
      ) {
        this.#watched.delete(exchange);
        this.#options.onSlowBody(exchange);
      } else if (updateIfMoving(sent, { bytes: countBytesSent(socket), at: now }, pace, waitsForReader(exchange))) {
        watched.acknowledged = undefined;
      } else if (
        now - (watched.acknowledged ?? sent).at >=
        (watched.acknowledged ? pace.windowMillis : this.#interval)
      ) {
        stalled.push(exchange);
      }
    }
    this.#checkReaders(stalled).catch(() => {});
    this.#checkDisconnects().catch(() => {});
  }

  /**
   * Finds clients that do not read, among responses of which the system accepts no more bytes. The system buffers
   * megabytes, so a slow client can read for minutes before the buffer has space again. Therefore the acknowledged
   * bytes decide: they are compared when nothing moves and again one window later.
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

  /** Finds disconnected clients, among bodies that the server is not reading at the moment. */
  async #checkDisconnects(): Promise<void> {
    if (this.#isCheckingDisconnects) return;
    this.#isCheckingDisconnects = true;
    try {
      const unread = [...this.#watched].flatMap(([exchange, { bytesReadBefore }]) => {
        const { request } = exchange;
        const { socket } = request;
        if (request.complete || socket.destroyed || isWaitingForClient(request)) return [];
        const length = Number(request.headers['content-length'] ?? Number.NaN);
        const received = countBytesReceived(socket) - bytesReadBefore + HEADER_READ_BYTES;
        return [{ exchange, socket, missing: Number.isSafeInteger(length) ? length - received : undefined }];
      });
      for (const { exchange } of await findDisconnected(unread)) {
        if (this.#watched.delete(exchange)) this.#options.onIncompleteBody(exchange);
      }
    } finally {
      this.#isCheckingDisconnects = false;
    }
  }
}

/** Whether fewer bytes than required have moved for a whole window. */
function isTooSlow(since: Sample, now: Sample, pace: Pace, isClientsTurn: boolean): boolean {
  return !updateIfMoving(since, now, pace, isClientsTurn) && now.at - since.at >= pace.windowMillis;
}

/** Whether enough bytes have moved, or the client is not the cause. If so, starts a new window by updating `since`. */
function updateIfMoving(since: Sample, now: Sample, pace: Pace, isClientsTurn: boolean): boolean {
  const isMoving = !isClientsTurn || now.bytes - since.bytes >= pace.bytes;
  if (isMoving) Object.assign(since, now);
  return isMoving;
}

function waitsForReader({ request, response }: Exchange): boolean {
  return response.headersSent && !response.writableFinished && isWaitingForReader(request.socket);
}
