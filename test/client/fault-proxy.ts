import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the proxy does to one request besides forwarding it. */
export interface Fault {
  /** Wait this long first, in milliseconds. */
  delay?: number;
  /** Wait for this first. */
  waitFor?: Promise<unknown>;
  /** Do this first. */
  before?: () => Promise<unknown>;
  /** Close the connection immediately, without sending a byte. */
  reset?: boolean;
  /** Close the connection after this many bytes of the body have been forwarded. */
  cutAfter?: number;
  /** Forward the complete request, then close the connection instead of responding. */
  loseResponse?: boolean;
  /** Change one byte of the body, at this offset. */
  corruptAt?: number;
  /** Send this response without forwarding the request. */
  answer?: FakeResponse;
  /** Forward the complete request, then send this instead of the server's response. */
  answerAfter?: FakeResponse;
}

export interface FakeResponse {
  status: number;
  headers?: Record<string, string>;
  json?: unknown;
  /** Instead of `json`. */
  text?: string;
}

export interface SeenRequest {
  method: string;
  /** Without prefix and query, including IDs. */
  path: string;
  headers: IncomingMessage['headers'];
  /** Milliseconds of a steady clock. */
  at: number;
  /** The number of earlier requests with this method and path. */
  before: number;
  /** The status that was sent to the client, if a response has been sent. */
  status?: number;
}

export interface FaultProxy extends AsyncDisposable {
  url: string;
  seen: SeenRequest[];
  /** The part uploads: PUT requests to sessions. */
  puts(): SeenRequest[];
}

/**
 * Starts an HTTP proxy in front of a server that does to each request what `decide` returns. URLs in responses lead
 * to the proxy.
 */
export async function startFaultProxy(
  server: { url: string },
  decide: (seen: SeenRequest) => Fault | undefined = () => undefined,
): Promise<FaultProxy> {
  const seen: SeenRequest[] = [];
  const proxy = createServer((incoming, outgoing) => {
    const entry = record(seen, incoming);
    outgoing.once('finish', () => {
      entry.status = outgoing.statusCode;
    });
    forward(new URL(server.url), incoming, outgoing, decide(entry) ?? {}).catch(() => incoming.socket.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    seen,
    puts: () => seen.filter(({ method, path }) => method === 'PUT' && /\/upload_sessions\/[^/]+$/.test(path)),
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

function record(seen: SeenRequest[], { method = '', url = '', headers }: IncomingMessage): SeenRequest {
  const path = url.replace(/\?.*/, '').replace(/^(\/api)?\/2\.0/, '');
  const before = seen.filter((other) => other.method === method && other.path === path).length;
  const entry = { method, path, headers, at: performance.now(), before };
  seen.push(entry);
  return entry;
}

async function forward(server: URL, incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault): Promise<void> {
  const { socket } = incoming;
  if (fault.delay !== undefined) await sleep(fault.delay);
  await fault.waitFor;
  await fault.before?.();
  if (fault.reset) return void socket.destroy();
  if (fault.answer !== undefined) {
    incoming.resume();
    await once(incoming, 'end');
    sendFakeResponse(outgoing, fault.answer);
    return;
  }
  const forwarded = request({
    host: server.hostname,
    port: server.port,
    method: incoming.method,
    path: incoming.url,
    headers: incoming.headers,
  });
  forwarded.on('error', () => socket.destroy());
  incoming.once('close', () => {
    if (!incoming.complete) forwarded.destroy();
  });
  forwarded.once('response', (response) => {
    if (fault.loseResponse) {
      response.resume();
      socket.destroy();
      return;
    }
    const { answerAfter } = fault;
    if (answerAfter !== undefined) {
      response.resume();
      response.once('end', () => sendFakeResponse(outgoing, answerAfter));
      return;
    }
    response.on('error', () => outgoing.destroy());
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(outgoing);
  });
  let passed = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    const { cutAfter, corruptAt } = fault;
    if (cutAfter !== undefined && passed + chunk.length > cutAfter) {
      forwarded.destroy();
      socket.destroy();
      return;
    }
    if (corruptAt !== undefined && corruptAt >= passed && corruptAt < passed + chunk.length) {
      chunk.writeUInt8(chunk.readUInt8(corruptAt - passed) ^ 0xff, corruptAt - passed);
    }
    forwarded.write(chunk);
    passed += chunk.length;
  }
  forwarded.end();
}

function sendFakeResponse(outgoing: ServerResponse, { status, headers = {}, json, text }: FakeResponse): void {
  outgoing.writeHead(status, { 'content-type': 'application/json', ...headers });
  outgoing.end(text ?? (json === undefined ? '' : JSON.stringify(json)));
}
