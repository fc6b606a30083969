import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Refusal } from '../api/refusal.ts';
import { errorBody } from './refusals.ts';

/** A short id that the client sees and the log holds. */
export function newRequestId(): string {
  return randomBytes(8).toString('hex');
}

/** Answers on a connection whose request never became one, or cannot be answered in the usual way, and closes it. */
export function refuseOnSocket(socket: Duplex, refusal: Refusal): void {
  if (!socket.writable) return;
  const requestId = newRequestId();
  const body = JSON.stringify(errorBody(refusal, requestId));
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Error'}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `box-request-id: ${requestId}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** What Node's parser gives up on: headers too large, a request that is none, a header section that never ends. */
export function refuseBadSyntax(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET') socket.destroy();
  else refuseOnSocket(socket, syntaxRefusal(error.code));
}

function syntaxRefusal(code: string | undefined): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Refusal('request_header_fields_too_large', 'The headers are larger than 16 KiB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refusal('request_timeout', 'The headers took too long.');
    default:
      return new Refusal('bad_request', 'This is not an HTTP/1.1 request that can be read in one way only.');
  }
}
