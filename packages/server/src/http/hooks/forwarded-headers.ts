import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { HttpSettings } from '../services.ts';

const FORWARDED = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded'];

/**
 * Logs a warning if there seems to be a proxy that is not trusted: now if a public URL is set without TLS, and in the
 * returned check at the first request with forwarding headers. Behind such a proxy, all clients share one address, and so
 * the limits for failed logins.
 */
export function createProxyCheck(
  app: FastifyInstance,
  { publicUrl, tls, trustedProxies }: Pick<HttpSettings, 'publicUrl' | 'tls' | 'trustedProxies'>,
): (request: FastifyRequest) => void {
  if (trustedProxies.length > 0) return () => {};
  let isDone = false;
  if (publicUrl !== undefined && tls === undefined) {
    app.log.warn(
      { publicUrl },
      'a public URL is set, but no proxy is trusted; if the server is behind a proxy, all clients share its address and the limits for failed logins, so set PARTWAY_TRUSTED_PROXIES to the address of the proxy',
    );
  }
  return ({ headers, ip }) => {
    if (isDone || !FORWARDED.some((name) => headers[name] !== undefined)) return;
    isDone = true;
    app.log.warn(
      { remoteAddress: ip },
      'a request has forwarding headers, but no proxy is trusted, so the address of the proxy counts as the client; if it is your proxy, set PARTWAY_TRUSTED_PROXIES',
    );
  };
}
