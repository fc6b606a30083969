import type { IncomingMessage } from 'node:http';
import { parse } from 'content-type';
import type { FastifyRequest } from 'fastify';

const declaredTypes = new WeakMap<IncomingMessage, string>();

/**
 * Hides the Content-Type of a request from Fastify, which rejects types that it cannot parse. Routes decide how to parse
 * their bodies, and call `getContentType` if they need the declared type.
 */
export function hideContentType({ raw }: FastifyRequest): void {
  const { 'content-type': type } = raw.headers;
  if (type === undefined) return;
  declaredTypes.set(raw, type);
  delete raw.headers['content-type'];
}

/** Gets the declared type in lowercase and its parameters. Invalid parts of the header are left out. */
export function getContentType(request: IncomingMessage): { type: string; parameters: Record<string, string> } {
  return parse(declaredTypes.get(request) ?? '');
}
