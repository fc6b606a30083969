import type { FastifyRequest } from 'fastify';
import type { HttpSettings } from '../services.ts';

/** A year, as browsers' preload lists want it at least. */
const HSTS = 'max-age=31536000';

/**
 * Whether the client speaks https: to this server, to a trusted proxy that says so, or to whatever ends TLS for the public
 * URL.
 */
export function isHttps(
  { protocol }: Pick<FastifyRequest, 'protocol'>,
  { publicUrl }: Pick<HttpSettings, 'publicUrl'>,
): boolean {
  return protocol === 'https' || (publicUrl?.startsWith('https:') ?? false);
}

/** The header that tells browsers that have come by https to use nothing else for this host (RFC 6797). */
export function hstsHeaders(
  request: Pick<FastifyRequest, 'protocol'>,
  settings: Pick<HttpSettings, 'publicUrl'>,
): Record<string, string> {
  return isHttps(request, settings) ? { 'strict-transport-security': HSTS } : {};
}
