import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { SocketBody, SocketTransfer } from '../../storage/blob-store.ts';
import { ClientGoneError } from './disconnects.ts';
import { bodyCallback, getHandle, getParser, type HttpParser, type SocketHandle } from './node-internals.ts';
import { TransferCounts } from './transfer-counts.ts';

/** Bytes that were received from connections without Node.js. */
const received = new TransferCounts();

/** Stands for bytes that the HTTP parser has to skip. It only counts them, so this memory is never read. */
const SKIPPED = Buffer.allocUnsafeSlow(1024 * 1024);

/** Counts the bytes received from a connection, by Node.js or not. */
export function countBytesReceived(socket: Socket): number {
  return socket.bytesRead + received.total(socket);
}

/** Whether the server has received everything that the client has sent, so that the client has to send more. */
export function isWaitingForClient(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const current = received.current(request.socket);
  return current === undefined ? request.readableLength < request.readableHighWaterMark : current.isWaiting;
}

/**
 * Stops Node.js from reading the rest of a request's body, so that its bytes can be received directly from the connection.
 * Afterward, `release` tells the HTTP parser how many bytes it has missed, and Node.js continues with the next request.
 * @param signal Passed on to the receiver, which it tells to end early.
 * @returns Undefined if the body has to be read as usual: for TLS, for bodies without a Content-Length, and in versions of
 * Node.js with other internals.
 */
export async function handOverBody(request: IncomingMessage, signal?: AbortSignal): Promise<SocketBody | undefined> {
  const { socket } = request;
  const handle = getHandle(socket);
  const parser = getParser(socket);
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  if (!Number.isSafeInteger(length) || request.complete || request.readableFlowing) return undefined;
  if (handle === undefined || parser === undefined || Object.hasOwn(handle, 'readStart')) return undefined;
  handle.readStop();
  // Nothing in Node.js can start reading now. Pausing the socket would pause the parser too, which then accepts nothing.
  handle.readStart = () => 0;
  // The parser may be handling the bytes that arrived together with the headers.
  await setImmediate();
  const head: Uint8Array = request.read() ?? new Uint8Array(0);
  return new HandedOverBody(request, { handle, parser, head, length: length - head.length, signal });
}

interface HandedOverParts {
  handle: SocketHandle;
  parser: HttpParser;
  head: Uint8Array;
  length: number;
  signal: AbortSignal | undefined;
}

class HandedOverBody implements SocketBody {
  readonly head: Uint8Array;
  readonly length: number;
  readonly signal: AbortSignal | undefined;
  readonly #request: IncomingMessage;
  readonly #handle: SocketHandle;
  readonly #parser: HttpParser;

  constructor(request: IncomingMessage, { handle, parser, head, length, signal }: HandedOverParts) {
    this.#request = request;
    this.#handle = handle;
    this.#parser = parser;
    this.head = head;
    this.length = length;
    this.signal = signal;
    // Until bytes are received, the client does not have to send any.
    this.follow({ moved: 0, isWaiting: false });
  }

  get fd(): number {
    return this.#handle.fd;
  }

  follow(transfer: SocketTransfer): void {
    received.start(this.#request.socket, transfer);
  }

  release(): void {
    const { socket } = this.#request;
    const missed = received.end(socket);
    // Removes the function that hides the handle's own.
    delete (this.#handle as Partial<SocketHandle>).readStart;
    if (socket.destroyed || getHandle(socket) !== this.#handle) return;
    try {
      skipBytes(this.#parser, missed);
    } catch (error) {
      // What follows on this connection could be taken for a request.
      socket.destroy();
      throw error;
    }
    // The body has no more bytes to read, but its end has to be read.
    if (this.#request.complete) this.#request.resume();
    this.#handle.reading = true;
    this.#handle.readStart();
  }

  async disconnected(): Promise<Error> {
    // Node.js learns of it when it reads from the connection again.
    if (!this.#request.closed) await new Promise<void>((resolve) => this.#request.once('close', () => resolve()));
    return new ClientGoneError('The client disconnected before it had sent the whole body.');
  }
}

/** Lets the parser continue after `count` bytes of a body that it has not seen. */
function skipBytes(parser: HttpParser, count: number): void {
  const key = bodyCallback(parser);
  const onBody = parser[key];
  // Otherwise it would get the skipped bytes.
  parser[key] = undefined;
  try {
    for (let left = count; left > 0; ) {
      const step = Math.min(left, SKIPPED.length);
      const parsed = parser.execute(SKIPPED.subarray(0, step));
      if (parsed !== step) throw new Error(`The HTTP parser skipped ${parsed} of ${step} bytes.`);
      left -= step;
    }
  } finally {
    parser[key] = onBody;
  }
}
