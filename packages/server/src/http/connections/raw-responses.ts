import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ApiError } from '../api-error.ts';
import { errorResponse } from '../render/errors.ts';
import type { Exchange } from './deadlines.ts';
import type { RequestLine } from './syntax-errors.ts';

/** How long a client has to take a last response before its connection is closed, in milliseconds. */
const LINGER = 2_000;

/** A short id that the client sees and the log holds. */
export function newRequestId(): string {
  return randomBytes(8).toString('hex');
}

/** Answers a request outside of Fastify, in its turn on the connection. */
export function sendRawError(
  { request, response, requestId }: Exchange & { requestId: string },
  refusal: ApiError,
  { close, headers: further }: { close: boolean; headers: Record<string, string> },
): void {
  const { status, headers, body } = errorResponse(refusal, { requestId, url: request.url });
  // What a handler may have set describes a response that is not sent.
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.writeHead(status, {
    ...further,
    ...headers,
    'content-length': Buffer.byteLength(body),
    ...(close && { connection: 'close' }),
  });
  response.end(body);
}

/** Answers on a connection on which no request waits for its response, and closes it. Returns the request ID. */
export function sendErrorOnSocket(
  socket: Socket,
  refusal: ApiError,
  { line: { method, url }, headers: further }: { line: RequestLine; headers: Record<string, string> },
): string {
  const requestId = newRequestId();
  const { status, headers, body } = errorResponse(refusal, { requestId, url });
  const lines = Object.entries({
    ...further,
    ...headers,
    date: new Date().toUTCString(),
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  closeGracefully(
    socket,
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.join('')}\r\n${method === 'HEAD' ? '' : body}`,
  );
  return requestId;
}

/**
 * Ends a connection after `last`. What the client still sends is read and dropped for a moment: closed with unread bytes, a
 * connection is reset, and the client may lose the response. One whose client does not close it is closed here.
 */
export function closeGracefully(socket: Socket, last = ''): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), LINGER);
  timer.unref();
  const finish = () => {
    if (socket.writableFinished) socket.destroy();
    else socket.once('finish', () => socket.destroy());
  };
  socket.on('error', () => {});
  socket.once('close', () => clearTimeout(timer));
  if (socket.writable) socket.end(last);
  if (socket.readableEnded) {
    finish();
  } else {
    socket.once('end', finish);
    socket.resume();
  }
}
