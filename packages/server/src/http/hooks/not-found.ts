import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';

/**
 * Records the routes of `app`. The returned check rejects requests without a route: with 404 for unknown URLs and 405 for
 * unsupported methods, both as JSON, because some clients retry any other response.
 */
export function createRouteCheck(app: FastifyInstance): (request: FastifyRequest, reply: FastifyReply) => void {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { pattern: toPattern(url), methods: new Set() };
    for (const one of [method].flat()) route.methods.add(one);
    routes.set(url, route);
  });
  app.setNotFoundHandler(async () => {});
  return (request, reply) => {
    // The CORS plugin adds a route for all OPTIONS requests. It has already responded to browsers' preflights.
    if (!request.is404 && request.routeOptions.url !== '*') return;
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = [...routes.values()].filter(({ pattern }) => pattern.test(path)).flatMap((r) => [...r.methods]);
    if (methods.length === 0) throw new ApiError('not_found', 'This endpoint does not exist or is not supported.');
    const allowed = [...new Set(methods)].sort().join(', ');
    reply.header('allow', allowed);
    throw new ApiError('method_not_allowed', `This endpoint supports only ${allowed}.`);
  };
}

/**
 * Converts a route such as `/files/:file_id/content` to a pattern of whole segments. Routes never come from clients.
 */
function toPattern(url: string): RegExp {
  const segments = url.split('/').map((segment) => (segment.startsWith(':') ? '[^/]+' : RegExp.escape(segment)));
  return new RegExp(`^${segments.join('/')}/?$`);
}
