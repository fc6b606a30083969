import type { IncomingMessage } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './api-error.ts';

/**
 * The prefixes of the API. SDKs use the first for the API and the second for uploads; browser clients use the second
 * for both. The third is for Box's CLI and box-node-sdk 3 and 4, which recognize direct uploads by `upload.box.com`
 * anywhere in the URL.
 */
export const PREFIXES = ['/2.0', '/api/2.0', '/upload.box.com/api/2.0'] as const;

/** `scheme://authority` and the rest (RFC 9112, section 3.2.2). */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)([^#]*)/i;
const HOST_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/;

/**
 * Scheme and host under which the client sees the server, without a trailing slash: the configured public URL, or the
 * request's own host. X-Forwarded-* headers count if they come from a trusted proxy.
 */
export function getOrigin(request: FastifyRequest, publicUrl: string | undefined): string {
  return publicUrl ?? `${request.protocol}://${request.host}`;
}

/** `getOrigin` and the prefix that the client used, without a trailing slash. */
function getApiBase(request: FastifyRequest, publicUrl: string | undefined): string {
  const prefix = PREFIXES.find((known) => request.routeOptions.url?.startsWith(`${known}/`)) ?? PREFIXES[0];
  return getOrigin(request, publicUrl) + prefix;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** `getOrigin` and the prefix that the client used, without a trailing slash. */
    readonly apiBase: string;
  }
}

/** Adds `apiBase` to requests. It is computed when it is read. */
export function decorateApiBase(app: FastifyInstance, publicUrl: string | undefined): void {
  app.decorateRequest('apiBase', {
    getter() {
      return getApiBase(this, publicUrl);
    },
  });
}

/**
 * Determines the host of a request before anything reads it (RFC 9112, sections 3.2 and 3.3): the authority of an
 * absolute request target, otherwise the Host header, otherwise (HTTP/1.0) the address that the client connected to.
 * Writes it to `headers.host` and reduces `url` to a path. Returns an error if the host is missing, ambiguous or
 * invalid.
 */
export function resolveHost(request: IncomingMessage): ApiError | undefined {
  // Not `headersDistinct`, which throws for a header named `__proto__` in some versions of Node.js (CVE-2026-21710).
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(name)).length;
  const { host } = request.headers;
  if (hosts > 1) return badRequestError('The request has more than one Host header.');
  if (hosts === 0 && request.httpVersion !== '1.0') return badRequestError('The request has no Host header.');
  if (host !== undefined && !isAuthority(host))
    return badRequestError('The Host header must be a host with an optional port.');

  const [, authority, path] = ABSOLUTE_FORM.exec(request.url ?? '') ?? [];
  if (authority !== undefined && path !== undefined) {
    if (!isAuthority(authority)) return badRequestError('The URL in the request line has an invalid host.');
    request.url = path.startsWith('/') ? path : `/${path}`;
    request.headers.host = authority;
  } else if (!request.url?.startsWith('/')) {
    return badRequestError('The request line must contain a path that begins with a slash, or an http:// URL.');
  } else if (host === undefined) {
    const local = findLocalAddress(request.socket);
    if (local === undefined) return badRequestError('The client has closed its connection.');
    request.headers.host = `${local.host}:${local.port}`;
  }
  return undefined;
}

/**
 * The address that the client connected to, with the host in URL form (IPv6 in brackets, without a zone). Returns
 * undefined if the socket is closed, which can happen before its last request is handled.
 */
export function findLocalAddress({ localAddress, localPort }: Socket): { host: string; port: number } | undefined {
  if (localAddress === undefined || localPort === undefined) return undefined;
  const [unscoped = ''] = localAddress.split('%', 1);
  const address = unscoped.replace(/^::ffff:(?=[0-9.]+$)/, '');
  return { host: isIPv6(address) ? `[${address}]` : address, port: localPort };
}

/** Rejects a request for which a trusted proxy reports an invalid host or scheme. */
export function checkForwardedAddress({ protocol, host, headers }: FastifyRequest): void {
  if (host !== headers.host && !isAuthority(host)) {
    throw badRequestError(
      'X-Forwarded-Host must be a host with an optional port. Check the configuration of the proxy.',
    );
  }
  if (protocol !== 'http' && protocol !== 'https') {
    throw badRequestError('X-Forwarded-Proto must be http or https. Check the configuration of the proxy.');
  }
}

/** Whether `text` is a host name, an IPv4 address or an IPv6 address in brackets, with an optional port. */
function isAuthority(text: string): boolean {
  const [, ipv6, name = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  if (port !== undefined && (Number(port) > 65_535 || Number(port) === 0)) return false;
  if (ipv6 !== undefined) return isIPv6(ipv6) && !ipv6.includes('%');
  // Some combinations of digits and dots are neither a name nor an address.
  return HOST_NAME.test(name) && URL.canParse(`http://${name}/`);
}

function badRequestError(message: string): ApiError {
  return new ApiError('bad_request', message);
}
