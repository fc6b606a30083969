import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpSettings } from './services.ts';

/** A year, as browsers' preload lists want it at least. */
const HSTS = 'max-age=31536000';

/**
 * Whether the client speaks https: to this server, to a trusted proxy that says so, or to whatever ends TLS for the public
 * URL.
 */
export function isHttps({ protocol }: FastifyRequest, { publicUrl }: Pick<HttpSettings, 'publicUrl'>): boolean {
  return protocol === 'https' || (publicUrl?.startsWith('https:') ?? false);
}

/** Tells browsers that have come by https to use nothing else for this host (RFC 6797). */
export function insistOnHttps(
  request: FastifyRequest,
  reply: FastifyReply,
  settings: Pick<HttpSettings, 'publicUrl'>,
): void {
  if (isHttps(request, settings)) reply.header('strict-transport-security', HSTS);
}
