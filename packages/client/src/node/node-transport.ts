import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as TlsAgent } from 'node:https';
import { getCACertificates } from 'node:tls';
import {
  isList,
  type RequestBody,
  sizeOf,
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '../transport.ts';

export interface NodeTransportOptions {
  /** Further authorities to trust, as PEM, beside Node's own and those of NODE_EXTRA_CA_CERTS. */
  ca?: string | Buffer | undefined;
}

/** Past so many redirects it is a circle. */
const MOST_REDIRECTS = 5;

/**
 * Requests by `node:http`, with kept connections: a third of the processor time that `fetch` takes for large bodies. Goes
 * through the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name (any case; from Node 24.5 on).
 */
export function nodeTransport({ ca }: NodeTransportOptions = {}): Transport {
  const settings = { keepAlive: true, proxyEnv: process.env };
  const plain = new Agent(settings);
  const tls = new TlsAgent({ ...settings, ...(ca !== undefined && { ca: trustedWith(ca) }) });
  warnOfUnusedProxy();

  async function send(asked: TransportRequest, redirects = 0): Promise<TransportResponse> {
    const url = new URL(asked.url);
    const response = await exchange(url, asked, url.protocol === 'https:' ? tls : plain);
    const location = response.headers.location;
    if (asked.redirect === 'manual' || asked.method !== 'GET' || !isRedirect(response) || location === undefined) {
      return answerOf(response, asked.signal);
    }
    response.resume();
    const next = new URL(location, url);
    if (redirects >= MOST_REDIRECTS) throw new TransportError(`${url.host} redirects in a circle.`);
    if (url.protocol === 'https:' && next.protocol !== 'https:') {
      throw new TransportError(`${url.host} redirects from https to ${next.protocol}, which is not followed.`);
    }
    // The address says it all; the token is for the server alone.
    const { authorization: _, ...headers } = asked.headers;
    return send({ ...asked, url: String(next), headers }, redirects + 1);
  }

  return {
    send: (asked) => send(asked),
    close() {
      plain.destroy();
      tls.destroy();
    },
  };
}

/** One request and the head of its answer. */
function exchange(url: URL, asked: TransportRequest, agent: Agent): Promise<IncomingMessage> {
  const { method, body, signal, idleMillis } = asked;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  if (signal?.aborted) return Promise.reject(signal.reason);
  const headers = { ...asked.headers, ...lengthOf(method, body) };
  const sent = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, { method, headers, agent });

  let answered = false;
  const onAbort = () => sent.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  sent.once('close', () => {
    signal?.removeEventListener('abort', onAbort);
    // Destroyed without an error, it closes, and that is all it says.
    if (!answered) reject(signal?.aborted ? signal.reason : failure(url, new Error('it was closed')));
  });
  sent.setTimeout(idleMillis, () => sent.destroy(new TimeoutError(idleMillis)));
  sent.once('response', (response) => {
    answered = true;
    // Answered before all of it was sent: the rest would be in vain, and the connection is of no use afterwards.
    response.once('end', () => {
      if (!sent.writableEnded) sent.destroy();
    });
    resolve(response);
  });
  sent.on('error', (error: NodeJS.ErrnoException) => reject(signal?.aborted ? signal.reason : failure(url, error)));
  sendBody(sent, body, asked.onSent).catch((error: Error) => sent.destroy(error));
  return promise;
}

function answerOf(response: IncomingMessage, signal: AbortSignal | undefined): TransportResponse {
  const broken = (cause: unknown) =>
    signal?.aborted ? signal.reason : new TransportError('The connection broke off within the answer.', { cause });
  return {
    status: response.statusCode ?? 0,
    header(name) {
      const value = response.headers[name.toLowerCase()];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    async text() {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of response) chunks.push(chunk as Buffer);
      } catch (error) {
        throw broken(error);
      }
      return Buffer.concat(chunks).toString('utf8');
    },
    body() {
      const chunks: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]();
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            try {
              const { done, value } = await chunks.next();
              if (done) controller.close();
              else controller.enqueue(value);
            } catch (error) {
              controller.error(broken(error));
            }
          },
          cancel: () => void response.destroy(),
        },
        { highWaterMark: 0 },
      );
    },
  };
}

function lengthOf(method: string, body: TransportRequest['body']): { 'content-length'?: number } {
  if (body !== undefined) return { 'content-length': sizeOf(body) };
  return method === 'POST' || method === 'PUT' ? { 'content-length': 0 } : {};
}

function isRedirect({ statusCode }: IncomingMessage): boolean {
  return [301, 302, 303, 307, 308].includes(statusCode ?? 0);
}

class TimeoutError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(idleMillis: number) {
    super(`nothing came or went for ${Math.round(idleMillis / 1000)} s`);
  }
}

function failure(url: URL, error: NodeJS.ErrnoException): TransportError {
  const { code, message } = error;
  return new TransportError(`The connection to ${url.host} failed: ${message}.`, { cause: error, code });
}

function trustedWith(ca: string | Buffer): string[] {
  return [...getCACertificates('default'), String(ca)];
}

/** A proxy that is set and not used would be a surprise, and perhaps a leak. */
function warnOfUnusedProxy(): void {
  const { HTTP_PROXY, http_proxy = HTTP_PROXY, HTTPS_PROXY, https_proxy = HTTPS_PROXY } = process.env;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if ((http_proxy ?? https_proxy) === undefined || major > 24 || (major === 24 && minor >= 5)) return;
  process.emitWarning('HTTP_PROXY and HTTPS_PROXY are set and not used: that takes Node 24.5 or later.');
}

/** Written in pieces, so that progress is told while a large part goes out. */
const PIECE = 1024 * 1024;

/** Sends a body and ends the request; stops where the request has ended otherwise, be it by an early answer. */
async function sendBody(
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
