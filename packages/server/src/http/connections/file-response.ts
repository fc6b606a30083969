import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { FileStream } from '../../storage/blob-store.ts';
import { errorCode } from '../../util/system-error.ts';
import { getHandle, type SocketHandle } from './node-internals.ts';
import { TransferCounts } from './transfer-counts.ts';

/** The body of a smaller response is sent by Node.js, together with its headers. */
const MIN_HANDED_OVER = 256 * 1024;

/** Bytes that were sent to connections without Node.js. */
const sent = new TransferCounts();

/** Counts the bytes that the system has accepted for a connection, from Node.js or not. */
export function countBytesSent(socket: Socket): number {
  return countBytesWritten(socket) + sent.total(socket);
}

/**
 * Node's own counters change only at the beginning and the end of a write, so nothing would seem to move during a large one;
 * the connection's handle knows how much of it is left.
 */
function countBytesWritten(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: Partial<SocketHandle> | null };
  if (handle?.bytesWritten !== undefined && handle.writeQueueSize !== undefined) {
    return handle.bytesWritten - handle.writeQueueSize;
  }
  return socket.bytesWritten - socket.writableLength;
}

/** Whether the system accepts no more bytes until the client reads. */
export function isWaitingForReader(socket: Socket): boolean {
  return sent.current(socket)?.isWaiting ?? socket.writableLength > 0;
}

interface FileResponseOptions {
  /** The number of bytes, as in the response's Content-Length. */
  length: number;
  /** Whether the store may send the bytes to the connection. */
  canHandOver: boolean;
}

/**
 * The bytes of a file as the body of a response with a Content-Length. It is piped to the response like any stream, but the
 * bytes do not pass through it: the store sends them to the connection, or they are written from a single buffer.
 */
export class FileResponse extends Readable {
  readonly #bytes: FileStream;
  readonly #options: FileResponseOptions;

  constructor(bytes: FileStream, options: FileResponseOptions) {
    super();
    this.#bytes = bytes;
    this.#options = options;
    bytes.on('error', (error) => this.destroy(error));
  }

  override pipe<T extends NodeJS.WritableStream>(target: T): T {
    const response = target as unknown as ServerResponse;
    this.once('end', () => response.end());
    this.#send(response).then(
      () => {
        this.push(null);
        this.resume();
      },
      (error: Error) => this.destroy(isDisconnect(error) ? disconnectError(error) : error),
    );
    return target;
  }

  override _read(): void {}

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#bytes.destroy();
    done(error);
  }

  async #send(response: ServerResponse): Promise<void> {
    const { length, canHandOver } = this.#options;
    const { socket } = response;
    const handle = canHandOver && length >= MIN_HANDED_OVER && socket !== null && getHandle(socket);
    if (handle && (await this.#sendNatively(response, socket, handle))) return;
    for await (const view of this.#bytes.views()) await write(response, view);
  }

  /** Returns false, without having sent any of the bytes, if the store cannot send them. */
  async #sendNatively(response: ServerResponse, socket: Socket, handle: SocketHandle): Promise<boolean> {
    response.flushHeaders();
    // The headers have to be sent before the bytes.
    if (socket.writableLength > 0) await write(socket, '');
    if (socket.destroyed || this.destroyed) throw disconnectError();
    const transfer = this.#bytes.sendTo(handle);
    if (transfer === undefined) return false;
    sent.start(socket, transfer);
    try {
      await transfer.done;
    } finally {
      sent.end(socket);
    }
    return true;
  }
}

/** The errors of a connection that the client has closed. */
const DISCONNECTS: ReadonlySet<unknown> = new Set([
  'EPIPE',
  'ECONNRESET',
  'ETIMEDOUT',
  'ECANCELED',
  'ERR_STREAM_DESTROYED',
]);

function isDisconnect(error: Error): boolean {
  return DISCONNECTS.has(errorCode(error));
}

/** Fastify knows this code, and does not log a warning: clients may disconnect. */
function disconnectError(cause?: Error): Error {
  return Object.assign(new Error('The client disconnected.', { cause }), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
}

/** Resolves when the system has accepted the bytes, so that their memory can be used again. */
function write(target: ServerResponse | Socket, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    target.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
