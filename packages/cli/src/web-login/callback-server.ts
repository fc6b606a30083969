import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';

/** Waits on a port of this machine for the browser to return from the login page. */
export interface Callback extends AsyncDisposable {
  /** The redirect URI. */
  url: string;
  /** Resolves with the authorization code. @throws Failure if the user denied access, or after `timeout` milliseconds. */
  waitForCode(timeout: number): Promise<string>;
}

const DONE = 'You are back at the command line. You can close this page.';
const OTHER = 'This page belongs to another login. Use the address that the command printed last.';

/**
 * Listens on a free port of the loopback interface. Requests with another state are answered with an error and ignored: any
 * page in the browser can send one.
 */
export async function listenForCallback(state: string): Promise<Callback> {
  const { promise: outcome, resolve, reject } = Promise.withResolvers<string>();
  // Handled by `waitForCode`, which may be called later.
  outcome.catch(() => {});
  const server = createServer((request, response) => {
    const query = parseCallback(request);
    if (query === undefined) return sendPage(response, 404, 'There is nothing here.');
    if (!isEqual(query.get('state') ?? '', state)) return sendPage(response, 400, OTHER);
    const code = query.get('code');
    sendPage(response, 200, DONE);
    if (code) resolve(code);
    else reject(createDenial(query.get('error') ?? 'no code'));
  });
  // Browsers open connections in advance. They must not keep the command running after the login.
  server.on('connection', (socket) => socket.unref());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/callback`,
    waitForCode: (timeout) => withTimeout(outcome, timeout),
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

function parseCallback({ method, url = '/' }: IncomingMessage): URLSearchParams | undefined {
  const target = URL.parse(url, 'http://127.0.0.1');
  return method === 'GET' && target?.pathname === '/callback' ? target.searchParams : undefined;
}

function isEqual(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function sendPage(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Partway</title><p>${text}</p></html>`);
}

function createDenial(error: string): Failure {
  const message =
    error === 'access_denied'
      ? 'Access was denied on the login page. Nothing was saved.'
      : `The server reported an error instead of a login: ${escapeControl(error)}. Nothing was saved.`;
  return new Failure(EXIT.accessDenied, message);
}

async function withTimeout<T>(promise: Promise<T>, millis: number): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const failure = new Failure(EXIT.accessDenied, 'Nobody logged in within five minutes. Run the command again.');
  const timer = setTimeout(() => reject(failure), millis);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}
