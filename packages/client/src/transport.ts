/** What a request may carry: bytes in one or several pieces, a Blob, or a function that gives them anew each time. */
export type RequestBody = string | Uint8Array | readonly Uint8Array[] | Blob | StreamedBody;

/** Bytes that are read while they are sent. `open` is called once for each try. */
export interface StreamedBody {
  size: number;
  open(): AsyncIterable<Uint8Array>;
}

export interface TransportRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: RequestBody | undefined;
  signal?: AbortSignal | undefined;
  /** Follow redirects (without the token), or give the 3xx as it is. */
  redirect: 'follow' | 'manual';
  /** How long nothing at all may happen on the connection, in milliseconds; then the request fails. */
  idleMillis: number;
  /** Told how many bytes of the body have gone out, of this try and in all; may be told only at the end. */
  onSent?: ((bytes: number) => void) | undefined;
}

export interface TransportResponse {
  status: number;
  header(name: string): string | undefined;
  text(): Promise<string>;
  /** The body, to be read once instead of `text()`. Whoever does not read it cancels it. */
  body(): ReadableStream<Uint8Array>;
}

/**
 * How requests get to a server: `fetch` in browsers, `node:http` in Node. Any answer of a server resolves, whatever its
 * status. Rejects with `TransportError` where there was none, and with the signal's reason where that was aborted.
 */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  /** Lets go of idle connections. */
  close(): void;
}

/** No answer came: the server cannot be reached, or the connection broke. */
export class TransportError extends Error {
  /** The system's name of the trouble where there is one, such as ECONNREFUSED. */
  readonly code: string | undefined;

  constructor(message: string, options: { cause?: unknown; code?: string | undefined } = {}) {
    super(message, { cause: options.cause });
    this.name = 'TransportError';
    this.code = options.code;
  }
}

export function sizeOf(body: RequestBody): number {
  if (typeof body === 'string') return new TextEncoder().encode(body).byteLength;
  if (body instanceof Uint8Array) return body.byteLength;
  if (isList(body)) return body.reduce((sum, piece) => sum + piece.byteLength, 0);
  return body.size;
}

export function isList(body: RequestBody): body is readonly Uint8Array[] {
  return Array.isArray(body);
}
