import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is done to one request instead of just passing it on. */
export interface Fault {
  /** Wait so long first, in milliseconds. */
  delay?: number;
  /** Wait for this first. */
  waitFor?: Promise<unknown>;
  /** Do this first. */
  before?: () => Promise<unknown>;
  /** Close the connection at once, without a byte. */
  reset?: boolean;
  /** Close the connection once so many bytes of the body have been passed on. */
  cutAfter?: number;
  /** Pass it on whole, and close the connection instead of answering. */
  loseAnswer?: boolean;
  /** Change one byte of the body, at this offset. */
  corruptAt?: number;
  /** Answer this without asking the server. */
  answer?: StandIn;
  /** Pass it on whole, and answer this in place of what the server answered. */
  answerAfter?: StandIn;
}

export interface StandIn {
  status: number;
  headers?: Record<string, string>;
  json?: unknown;
  /** Instead of `json`. */
  text?: string;
}

export interface SeenRequest {
  method: string;
  /** Without prefix and query, ids left in. */
  path: string;
  headers: IncomingMessage['headers'];
  /** Milliseconds, of a steady clock. */
  at: number;
  /** How many requests of this method and path came before. */
  before: number;
  /** What the client was answered; undefined until then, or for ever. */
  status?: number;
}

export interface FaultProxy extends AsyncDisposable {
  url: string;
  seen: SeenRequest[];
  /** The parts that were sent: PUT requests of sessions. */
  puts(): SeenRequest[];
}

/** An HTTP proxy before a server, which does to each request what `decide` says. Addresses in answers lead to it. */
export async function startFaultProxy(
  server: { url: string },
  decide: (seen: SeenRequest) => Fault | undefined = () => undefined,
): Promise<FaultProxy> {
  const seen: SeenRequest[] = [];
  const proxy = createServer((incoming, outgoing) => {
    const entry = enter(seen, incoming);
    outgoing.once('finish', () => {
      entry.status = outgoing.statusCode;
    });
    pass(new URL(server.url), incoming, outgoing, decide(entry) ?? {}).catch(() => incoming.socket.destroy());
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

function enter(seen: SeenRequest[], { method = '', url = '', headers }: IncomingMessage): SeenRequest {
  const path = url.replace(/\?.*/, '').replace(/^(\/api)?\/2\.0/, '');
  const before = seen.filter((other) => other.method === method && other.path === path).length;
  const entry = { method, path, headers, at: performance.now(), before };
  seen.push(entry);
  return entry;
}

async function pass(server: URL, incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault): Promise<void> {
  const { socket } = incoming;
  if (fault.delay !== undefined) await sleep(fault.delay);
  await fault.waitFor;
  await fault.before?.();
  if (fault.reset) return void socket.destroy();
  if (fault.answer !== undefined) {
    incoming.resume();
    await once(incoming, 'end');
    standIn(outgoing, fault.answer);
    return;
  }
  const onward = request({
    host: server.hostname,
    port: server.port,
    method: incoming.method,
    path: incoming.url,
    headers: incoming.headers,
  });
  onward.on('error', () => socket.destroy());
  incoming.once('close', () => {
    if (!incoming.complete) onward.destroy();
  });
  onward.once('response', (response) => {
    if (fault.loseAnswer) {
      response.resume();
      socket.destroy();
      return;
    }
    const { answerAfter } = fault;
    if (answerAfter !== undefined) {
      response.resume();
      response.once('end', () => standIn(outgoing, answerAfter));
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
      onward.destroy();
      socket.destroy();
      return;
    }
    if (corruptAt !== undefined && corruptAt >= passed && corruptAt < passed + chunk.length) {
      chunk.writeUInt8(chunk.readUInt8(corruptAt - passed) ^ 0xff, corruptAt - passed);
    }
    onward.write(chunk);
    passed += chunk.length;
  }
  onward.end();
}

function standIn(outgoing: ServerResponse, { status, headers = {}, json, text }: StandIn): void {
  outgoing.writeHead(status, { 'content-type': 'application/json', ...headers });
  outgoing.end(text ?? (json === undefined ? '' : JSON.stringify(json)));
}
