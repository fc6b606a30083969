import type { FastifyRequest } from 'fastify';
import { localAddressOf } from '../addresses.ts';
import type { HttpSettings } from '../services.ts';

const PATHS = ['/oauth2/token', '/api/oauth2/token'];

/**
 * The addresses of our token route that an assertion may name as its audience: those of the public URL or, without one, of
 * the socket that the request came to; none if its client has left. Never that of a Host header: the sender chooses it, and
 * could make an assertion for another server valid here.
 */
export function audiencesOf(
  request: FastifyRequest,
  { publicUrl, tls }: Pick<HttpSettings, 'publicUrl' | 'tls'>,
): string[] {
  const origins = publicUrl === undefined ? socketOrigins(request, tls === undefined ? 'http' : 'https') : [publicUrl];
  return origins.flatMap((origin) => PATHS.map((path) => origin + path));
}

function socketOrigins({ raw }: FastifyRequest, scheme: 'http' | 'https'): string[] {
  const local = localAddressOf(raw.socket);
  if (local === undefined) return [];
  const isLoopback = local.host === '[::1]' || local.host.startsWith('127.');
  const hosts = [local.host, ...(isLoopback ? ['localhost'] : [])];
  // As `URL` writes it: without the scheme's own port.
  return hosts.map((host) => new URL(`${scheme}://${host}:${local.port}`).origin);
}
