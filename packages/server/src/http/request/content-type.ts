import type { IncomingMessage } from 'node:http';
import { parse } from 'content-type';
import type { FastifyInstance } from 'fastify';

const declaredTypes = new WeakMap<IncomingMessage, string>();

/**
 * Keeps the Content-Type of requests from Fastify, which refuses one that it cannot read even if nothing depends on it.
 * What a body is, its route decides; the few that need to know what was declared ask `contentTypeOf`.
 */
export function hideContentTypes(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }) => {
    const { 'content-type': type } = raw.headers;
    if (type === undefined) return;
    declaredTypes.set(raw, type);
    delete raw.headers['content-type'];
  });
}

/** What the client declared: the type in lower case, and its parameters. Of what cannot be read, as much as can. */
export function getContentType(request: IncomingMessage): { type: string; parameters: Record<string, string> } {
  return parse(declaredTypes.get(request) ?? '');
}
