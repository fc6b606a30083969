import type { FastifyRequest } from 'fastify';

/** The wire's prefixes: SDKs use the first for the API and the second for uploads, browsers the second for both. */
export const PREFIXES = ['/2.0', '/api/2.0'] as const;

/**
 * Scheme and host as the client used them: the configured public URL, or else the Host header (with X-Forwarded-* from
 * trusted proxies only). No slash at its end.
 */
export function originOf(request: FastifyRequest, publicUrl: string | undefined): string {
  return publicUrl ?? `${request.protocol}://${request.host}`;
}

/** `originOf` and the prefix that the client used. */
export function apiBaseOf(request: FastifyRequest, publicUrl: string | undefined): string {
  const prefix = PREFIXES.find((known) => request.routeOptions.url?.startsWith(`${known}/`)) ?? PREFIXES[0];
  return originOf(request, publicUrl) + prefix;
}
