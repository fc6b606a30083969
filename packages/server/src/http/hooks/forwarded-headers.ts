import type { FastifyInstance } from 'fastify';
import type { HttpSettings } from '../services.ts';

const FORWARDED = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded'];

/**
 * Logs a warning if there seems to be a proxy that is not trusted: at the start if a public URL is set without TLS, and
 * at the first request with forwarding headers. Behind such a proxy, all clients share one address, and so the limits
 * for failed logins.
 */
export function warnOfUntrustedProxy(
  app: FastifyInstance,
  { publicUrl, tls, trustedProxies }: Pick<HttpSettings, 'publicUrl' | 'tls' | 'trustedProxies'>,
): void {
  if (trustedProxies.length > 0) return;
  if (publicUrl !== undefined && tls === undefined) {
    app.log.warn(
      { publicUrl },
      'a public URL is set, but no proxy is trusted; if the server is behind a proxy, all clients share its address and the limits for failed logins, so set PARTWAY_TRUSTED_PROXIES to the address of the proxy',
    );
  }
  let hasWarned = false;
  app.addHook('onRequest', async (request) => {
    if (hasWarned || !FORWARDED.some((name) => request.headers[name] !== undefined)) return;
    hasWarned = true;
    app.log.warn(
      { remoteAddress: request.ip },
      'a request has forwarding headers, but no proxy is trusted, so the address of the proxy counts as the client; if it is your proxy, set PARTWAY_TRUSTED_PROXIES',
    );
  });
}
