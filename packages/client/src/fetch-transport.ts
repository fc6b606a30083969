import {
  bodySize,
  isChunkList,
  type RequestBody,
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';

/** Sends requests with `fetch`: the browser's, or one that the caller passes. It reports sent bytes only at the end. */
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
        throw new TransportError(`The server at ${new URL(url).host} cannot be reached: ${errorReason(error)}.`, {
          cause: error,
        });
      }
      if (response.type === 'opaqueredirect') {
        throw new TransportError('Browsers do not reveal the target of a redirect.');
      }
      if (request.body !== undefined && response.ok) onSent?.(bodySize(request.body));
      return toTransportResponse(response, signal);
    },
    close() {},
  };
}

function toTransportResponse(response: Response, signal: AbortSignal | undefined): TransportResponse {
  return {
    status: response.status,
    header: (name) => response.headers.get(name) ?? undefined,
    async text() {
      try {
        return await response.text();
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        throw new TransportError('The connection was lost during the response.', { cause: error });
      }
    },
    body: () => response.body ?? new Response('').body ?? new ReadableStream(),
  };
}

async function fetchBody(body: RequestBody): Promise<string | Blob | Uint8Array<ArrayBuffer>> {
  if (typeof body === 'string' || body instanceof Blob) return body;
  if (body instanceof Uint8Array) return toUnshared(body);
  const chunks: Uint8Array[] = [];
  // Browsers cannot stream a body over HTTP/1.1, so the chunks are collected first.
  if (isChunkList(body)) chunks.push(...body);
  else for await (const chunk of body.open()) chunks.push(chunk);
  return new Blob(chunks.map(toUnshared));
}

/** `fetch` does not accept shared memory. */
function toUnshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

function errorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
