import type { FastifyLoggerOptions, FastifyRequest } from 'fastify';
import type { HttpSettings } from './services.ts';

/**
 * The log: JSON lines on stderr. Of a request it names what is listed here and nothing else: an address's query may let its
 * reader in (a signed download), and so may headers.
 */
export function logTo(level: HttpSettings['logLevel']): FastifyLoggerOptions & { stream: NodeJS.WritableStream } {
  return { level, stream: process.stderr, serializers: { req: describeRequest } };
}

function describeRequest({ method, url, host, ip, socket }: FastifyRequest) {
  const { remotePort } = socket;
  return { method, url: url.replace(/\?.*/s, ''), host, remoteAddress: ip, ...(remotePort && { remotePort }) };
}
