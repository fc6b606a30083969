import type { ClientRequest } from 'node:http';
import { isList, type RequestBody, sizeOf } from '../transport.ts';

/** Written in pieces, so that progress is told while a large part goes out. */
const PIECE = 1024 * 1024;

/** Sends a body and ends the request; stops where the request has ended otherwise, be it by an early answer. */
export async function sendBody(
  sent: ClientRequest,
  body: RequestBody | undefined,
  onSent: ((bytes: number) => void) | undefined,
): Promise<void> {
  if (body === undefined || typeof body === 'string') return void sent.end(body);
  let over = false;
  const { promise: whenOver, resolve: stop } = Promise.withResolvers<void>();
  for (const event of ['close', 'error', 'response']) {
    sent.once(event, () => {
      over = true;
      stop();
    });
  }
  let bytes = 0;
  for await (const piece of piecesOf(body)) {
    if (over) break;
    const written = new Promise<void>((resolve) => sent.write(piece, () => resolve()));
    bytes += piece.byteLength;
    await Promise.race([written, whenOver]);
    if (!over) onSent?.(bytes);
  }
  // An answer may be here already; if all was written, the connection serves for the next request.
  if (!over || bytes === sizeOf(body)) sent.end();
}

async function* piecesOf(body: Exclude<RequestBody, string>): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield* cut(body);
  else if (isList(body)) for (const piece of body) yield* cut(piece);
  else if (body instanceof Blob) for await (const piece of body.stream()) yield piece as Uint8Array;
  else yield* body.open();
}

function* cut(bytes: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += PIECE) yield bytes.subarray(offset, offset + PIECE);
}
