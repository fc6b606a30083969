/** The body of a request: bytes in one or several chunks, a Blob, or a stream that can be opened again for each attempt. */
export type RequestBody = string | Uint8Array | readonly Uint8Array[] | Blob | StreamedBody;

/** Bytes that are read while they are sent. `open` is called once for each attempt. */
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
  /** Whether to follow redirects (without the token), or to return the 3xx response. */
  redirect: 'follow' | 'manual';
  /** The request fails if the connection is idle for this long, in milliseconds. */
  idleMillis: number;
  /** Called with the total number of body bytes sent in this attempt. Some transports call it only at the end. */
  onSent?: ((bytes: number) => void) | undefined;
}

export interface TransportResponse {
  status: number;
  header(name: string): string | undefined;
  text(): Promise<string>;
  /** The body, as an alternative to `text()`. The caller must read or cancel it. */
  body(): ReadableStream<Uint8Array>;
}

/**
 * Sends requests to a server: with `fetch` in browsers, with `node:http` in Node.js. `send` resolves with any response,
 * regardless of its status. It rejects with `TransportError` if there is no response, or with the signal's reason.
 */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  /** Closes idle connections. */
  close(): void;
}

/** There was no response: the server could not be reached, or the connection was lost. */
export class TransportError extends Error {
  /** The system's error code, such as ECONNREFUSED, if there is one. */
  readonly code: string | undefined;

  constructor(message: string, options: { cause?: unknown; code?: string | undefined } = {}) {
    super(message, { cause: options.cause });
    this.name = 'TransportError';
    this.code = options.code;
  }
}

export function bodySize(body: RequestBody): number {
  if (typeof body === 'string') return new TextEncoder().encode(body).byteLength;
  if (body instanceof Uint8Array) return body.byteLength;
  if (isChunkList(body)) return body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  return body.size;
}

export function isChunkList(body: RequestBody): body is readonly Uint8Array[] {
  return Array.isArray(body);
}
