import type { FastifyRequest } from 'fastify';
import type { HttpSettings } from '../services.ts';

/** One year, the minimum for browsers' preload lists. */
const HSTS = 'max-age=31536000';

/**
 * Whether the client uses HTTPS: with this server, with a trusted proxy that reports it, or according to the public
 * URL.
 */
export function isHttps(
  { protocol }: Pick<FastifyRequest, 'protocol'>,
  { publicUrl }: Pick<HttpSettings, 'publicUrl'>,
): boolean {
  return protocol === 'https' || (publicUrl?.startsWith('https:') ?? false);
}

/** The header that makes browsers use only HTTPS for this host (RFC 6797), if the request used HTTPS. */
export function hstsHeaders(
  request: Pick<FastifyRequest, 'protocol'>,
  settings: Pick<HttpSettings, 'publicUrl'>,
): Record<string, string> {
  return isHttps(request, settings) ? { 'strict-transport-security': HSTS } : {};
}
