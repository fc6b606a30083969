import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api-error.ts';

/** Sends 404 for unknown URLs and 405 for unsupported methods, both as JSON: some clients retry any other response. */
export function rejectUnknownRoutes(app: FastifyInstance): void {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { pattern: toPattern(url), methods: new Set() };
    for (const one of [method].flat()) route.methods.add(one);
    routes.set(url, route);
  });
  app.setNotFoundHandler(async () => {});
  // Before the body is read, so that its size and type do not matter.
  app.addHook('onRequest', async (request, reply) => {
    // The CORS plugin adds a route for all OPTIONS requests. It has already responded to browsers' preflights.
    if (!request.is404 && request.routeOptions.url !== '*') return;
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = [...routes.values()].filter(({ pattern }) => pattern.test(path)).flatMap((r) => [...r.methods]);
    if (methods.length === 0) throw new ApiError('not_found', 'This endpoint does not exist or is not supported.');
    const allowed = [...new Set(methods)].sort().join(', ');
    reply.header('allow', allowed);
    throw new ApiError('method_not_allowed', `This endpoint supports only ${allowed}.`);
  });
}

/**
 * Converts a route such as `/files/:file_id/content` to a pattern of whole segments. Routes never come from clients.
 */
function toPattern(url: string): RegExp {
  const segments = url.split('/').map((segment) => (segment.startsWith(':') ? '[^/]+' : RegExp.escape(segment)));
  return new RegExp(`^${segments.join('/')}/?$`);
}
