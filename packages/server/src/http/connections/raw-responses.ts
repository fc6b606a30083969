import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ApiError } from '../api-error.ts';
import { errorResponse } from '../render/errors.ts';
import type { Exchange } from './deadlines.ts';
import type { RequestLine } from './syntax-errors.ts';

/** The time in which a client must read the last response before its connection is closed, in milliseconds. */
const LINGER = 2_000;

/** Creates a short ID, which is sent to the client and logged. */
export function newRequestId(): string {
  return randomBytes(8).toString('hex');
}

/** Sends an error for a request without Fastify. The request must be the current one of its connection. */
export function sendRawError(
  { request, response, requestId }: Exchange & { requestId: string },
  error: ApiError,
  { close, headers: extraHeaders }: { close: boolean; headers: Record<string, string> },
): void {
  const { status, headers, body } = errorResponse(error, { requestId, url: request.url });
  // The handler can have set headers for a response that is not sent.
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.writeHead(status, {
    ...extraHeaders,
    ...headers,
    'content-length': Buffer.byteLength(body),
    ...(close && { connection: 'close' }),
  });
  response.end(body);
}

/** Sends an error on a connection without a request in progress, and closes it. Returns the request ID. */
export function sendErrorOnSocket(
  socket: Socket,
  error: ApiError,
  { line: { method, url }, headers: extraHeaders }: { line: RequestLine; headers: Record<string, string> },
): string {
  const requestId = newRequestId();
  const { status, headers, body } = errorResponse(error, { requestId, url });
  const lines = Object.entries({
    ...extraHeaders,
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
 * Closes a connection after sending `last`. Further input is read and discarded for a short time: closing with unread
 * input would reset the connection, and the client could lose the response.
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
