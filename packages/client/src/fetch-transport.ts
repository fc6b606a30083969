import {
  isList,
  type RequestBody,
  sizeOf,
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';

/** Requests by `fetch`: that of a browser, or one that the caller gives. It tells of sent bytes only at the end. */
export function fetchTransport(fetch: typeof globalThis.fetch = globalThis.fetch): Transport {
  return {
    async send(request: TransportRequest): Promise<TransportResponse> {
      const { method, url, headers, signal, redirect, onSent } = request;
      let response: Response;
      try {
        response = await fetch(url, {
          method,
          headers,
          redirect,
          signal: signal ?? null,
          ...(request.body !== undefined && { body: await fetchBody(request.body) }),
        });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        throw new TransportError(`The server at ${new URL(url).host} cannot be reached: ${reasonOf(error)}.`, {
          cause: error,
        });
      }
      if (response.type === 'opaqueredirect') {
        throw new TransportError('A browser does not show where a redirect leads.');
      }
      if (request.body !== undefined && response.ok) onSent?.(sizeOf(request.body));
      return answerOf(response, signal);
    },
    close() {},
  };
}

function answerOf(response: Response, signal: AbortSignal | undefined): TransportResponse {
  return {
    status: response.status,
    header: (name) => response.headers.get(name) ?? undefined,
    async text() {
      try {
        return await response.text();
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        throw new TransportError('The answer broke off.', { cause: error });
      }
    },
    body: () => response.body ?? new Response('').body ?? new ReadableStream(),
  };
}

async function fetchBody(body: RequestBody): Promise<string | Blob | Uint8Array<ArrayBuffer>> {
  if (typeof body === 'string' || body instanceof Blob) return body;
  if (body instanceof Uint8Array) return unshared(body);
  const pieces: Uint8Array[] = [];
  // Browsers cannot stream a body over HTTP/1.1, so what would be streamed is gathered.
  if (isList(body)) pieces.push(...body);
  else for await (const piece of body.open()) pieces.push(piece);
  return new Blob(pieces.map(unshared));
}

/** `fetch` takes no memory that threads share. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
