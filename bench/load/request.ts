import { readFileSync } from 'node:fs';
import http, { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';

export interface Call {
  agent: http.Agent;
  method: string;
  headers: OutgoingHttpHeaders;
  /** The expected status. */
  status: number | readonly number[];
  /** Only count the bytes of the response's body. */
  discard?: boolean;
}

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  bytes: number;
  /** Empty if the bytes were discarded. */
  text: string;
}

/** Creates an agent for this server; for https, it trusts `ca`, a PEM file. */
export function createAgent(
  url: string,
  { ca, ...options }: { ca?: string | undefined; keepAlive?: boolean; maxSockets?: number } = {},
): http.Agent {
  if (!url.startsWith('https:')) return new http.Agent(options);
  return new https.Agent({ ...options, ...(ca !== undefined && { ca: readFileSync(ca) }) });
}

/** Sends a request whose body is in memory. */
export function send(url: string, call: Call, body?: Buffer | string): Promise<Answer> {
  return sendWith(url, call, (outgoing) => outgoing.end(body));
}

/** Sends a request whose body `write` sends and ends. */
export async function sendWith(url: string, call: Call, write: (outgoing: ClientRequest) => void): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { request } = url.startsWith('https:') ? https : http;
  const outgoing = request(url, { agent: call.agent, method: call.method, headers: call.headers }, resolve);
  outgoing.on('error', reject);
  write(outgoing);
  const incoming = await promise;
  const status = incoming.statusCode ?? 0;
  const expected = [call.status].flat().includes(status);
  const body = await readBody(incoming, { discard: expected && call.discard === true });
  if (expected) return { status, headers: incoming.headers, ...body };
  throw new Error(`${call.method} ${url}: ${status} instead of ${call.status}\n${body.text}`);
}

async function readBody(incoming: IncomingMessage, { discard }: { discard: boolean }) {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (!discard) kept.push(chunk);
  }
  return { bytes, text: Buffer.concat(kept).toString() };
}

/** The clock that processes share, in seconds. */
export function readClock(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}
