import type { IncomingMessage } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './api-error.ts';

/**
 * The wire's prefixes: SDKs use the first for the API and the second for uploads, browsers the second for both. Box's CLI
 * and box-node-sdk 3 and 4 tell a direct upload by an address that has `upload.box.com` in it, wherever the server is:
 * theirs is the third.
 */
export const PREFIXES = ['/2.0', '/api/2.0', '/upload.box.com/api/2.0'] as const;

/** `scheme://authority` and what follows (RFC 9112, section 3.2.2). */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)([^#]*)/i;
const HOST_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/;

/**
 * Scheme and host as the client used them: the configured public URL, or else the request's authority (with X-Forwarded-*
 * from trusted proxies only). No slash at its end.
 */
export function getOrigin(request: FastifyRequest, publicUrl: string | undefined): string {
  return publicUrl ?? `${request.protocol}://${request.host}`;
}

/** `originOf` and the prefix that the client used. */
export function getApiBase(request: FastifyRequest, publicUrl: string | undefined): string {
  const prefix = PREFIXES.find((known) => request.routeOptions.url?.startsWith(`${known}/`)) ?? PREFIXES[0];
  return getOrigin(request, publicUrl) + prefix;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** `originOf` and the prefix that the client used: no slash at its end. */
    apiBase: string;
  }
}

/** Notes with each request under which address the client sees the API. */
export function decorateApiBase(app: FastifyInstance, publicUrl: string | undefined): void {
  app.decorateRequest('apiBase', '');
  app.addHook('onRequest', async (request) => {
    request.apiBase = getApiBase(request, publicUrl);
  });
}

/**
 * Settles which host a request is for, before anything reads it (RFC 9112, sections 3.2 and 3.3): the target's authority
 * if it has one, else the Host header, else, for HTTP/1.0, the address that the client connected to. From then on
 * `headers.host` is that and `url` is a path. Returns the refusal for a request that does not say it in exactly one
 * valid way.
 */
export function resolveHost(request: IncomingMessage): ApiError | undefined {
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(name)).length;
  const { host } = request.headers;
  if (hosts > 1) return badRequestError('The request has more than one Host header: send one.');
  if (hosts === 0 && request.httpVersion !== '1.0') return badRequestError('The request has no Host header: send one.');
  if (host !== undefined && !isAuthority(host))
    return badRequestError('The Host header must be a host, with a port if need be.');

  const [, authority, path] = ABSOLUTE_FORM.exec(request.url ?? '') ?? [];
  if (authority !== undefined && path !== undefined) {
    if (!isAuthority(authority)) return badRequestError('The address in the request line does not name a valid host.');
    request.url = path.startsWith('/') ? path : `/${path}`;
    request.headers.host = authority;
  } else if (!request.url?.startsWith('/')) {
    return badRequestError('The request line must have a path that begins with a slash, or an http:// address.');
  } else if (host === undefined) {
    const local = findLocalAddress(request.socket);
    if (local === undefined) return badRequestError('The client has closed its connection.');
    request.headers.host = `${local.host}:${local.port}`;
  }
  return undefined;
}

/**
 * The address that the client of `socket` connected to, its host as a URL has it: IPv6 in brackets, without a zone.
 * Undefined once the socket is closed, which it may be before its last request is handled.
 */
export function findLocalAddress({ localAddress, localPort }: Socket): { host: string; port: number } | undefined {
  if (localAddress === undefined || localPort === undefined) return undefined;
  const [unscoped = ''] = localAddress.split('%', 1);
  const address = unscoped.replace(/^::ffff:(?=[0-9.]+$)/, '');
  return { host: isIPv6(address) ? `[${address}]` : address, port: localPort };
}

/** Refuses requests for which a trusted proxy reports a host or scheme that no URL can have. */
export function checkForwardedHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ protocol, host, headers }) => {
    if (host !== headers.host && !isAuthority(host)) {
      throw badRequestError('X-Forwarded-Host must be a host, with a port if need be: check the proxy.');
    }
    if (protocol !== 'http' && protocol !== 'https') {
      throw badRequestError('X-Forwarded-Proto must be http or https: check the proxy.');
    }
  });
}

/** Whether `text` is a host name, an IPv4 address or an IPv6 address in brackets, maybe with a port. */
function isAuthority(text: string): boolean {
  const [, ipv6, name = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  if (port !== undefined && (Number(port) > 65_535 || Number(port) === 0)) return false;
  if (ipv6 !== undefined) return isIPv6(ipv6) && !ipv6.includes('%');
  // Some names of digits and dots are neither a name nor an address.
  return HOST_NAME.test(name) && URL.canParse(`http://${name}/`);
}

function badRequestError(message: string): ApiError {
  return new ApiError('bad_request', message);
}
