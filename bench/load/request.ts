import { type Agent, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Call {
  agent: Agent;
  method: string;
  headers: OutgoingHttpHeaders;
  /** The expected status. */
  status: number;
}

export interface Answer {
  headers: IncomingMessage['headers'];
  text: string;
}

/** Sends a request whose body is in memory. */
export function send(url: string, call: Call, body?: Buffer | string): Promise<Answer> {
  return sendWith(url, call, (outgoing) => outgoing.end(body));
}

/** Sends a request whose body `write` sends and ends. */
export async function sendWith(url: string, call: Call, write: (outgoing: ClientRequest) => void): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = request(url, { agent: call.agent, method: call.method, headers: call.headers }, resolve);
  outgoing.on('error', reject);
  write(outgoing);
  const incoming = await promise;
  const answer = { headers: incoming.headers, text: await text(incoming) };
  if (incoming.statusCode === call.status) return answer;
  throw new Error(`${call.method} ${url}: ${incoming.statusCode} instead of ${call.status}\n${answer.text}`);
}
