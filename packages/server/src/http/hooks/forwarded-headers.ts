import type { FastifyInstance } from 'fastify';
import type { HttpSettings } from '../services.ts';

const FORWARDED = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded'];

/**
 * Says in the log that there seems to be a proxy in front whose addresses are not trusted: at the start if a public URL is
 * set and the server does not end TLS itself, else once a request comes from one. Behind such a proxy all clients have
 * one address, so they wait for each other's wrong passwords.
 */
export function warnOfUntrustedProxy(
  app: FastifyInstance,
  { publicUrl, tls, trustedProxies }: Pick<HttpSettings, 'publicUrl' | 'tls' | 'trustedProxies'>,
): void {
  if (trustedProxies.length > 0) return;
  if (publicUrl !== undefined && tls === undefined) {
    app.log.warn(
      { publicUrl },
      'a public URL is set and no proxy is trusted: if there is a proxy in front, all clients have its address, and share the limits of wrong passwords; set PARTWAY_TRUSTED_PROXIES to its address',
    );
  }
  let isSaid = false;
  app.addHook('onRequest', async (request) => {
    if (isSaid || !FORWARDED.some((name) => request.headers[name] !== undefined)) return;
    isSaid = true;
    app.log.warn(
      { remoteAddress: request.ip },
      'a request says that it was forwarded, but no proxy is trusted, so its client has the address of the proxy; if that is yours, set PARTWAY_TRUSTED_PROXIES',
    );
  });
}
