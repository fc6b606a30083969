import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api-error.ts';

/** Unknown addresses are 404, known ones with another method 405, both as JSON: some clients retry anything else. */
export function rejectUnknownRoutes(app: FastifyInstance): void {
  const methodsOf = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const route = methodsOf.get(url) ?? { pattern: toPattern(url), methods: new Set() };
    for (const one of [method].flat()) route.methods.add(one);
    methodsOf.set(url, route);
  });
  app.setNotFoundHandler(async () => {});
  // Before the body is looked at: what there is nothing for is 404, however large it is.
  app.addHook('onRequest', async (request, reply) => {
    // The CORS plugin has a route for every OPTIONS; a browser's preflight was answered before.
    if (!request.is404 && request.routeOptions.url !== '*') return;
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = [...methodsOf.values()].filter(({ pattern }) => pattern.test(path)).flatMap((r) => [...r.methods]);
    if (methods.length === 0) throw new ApiError('not_found', 'There is nothing at this address.');
    const allowed = [...new Set(methods)].sort().join(', ');
    reply.header('allow', allowed);
    throw new ApiError('method_not_allowed', `This address takes ${allowed}.`);
  });
}

/** `/files/:file_id/content` → a pattern of whole segments; none of it comes from a client. */
function toPattern(url: string): RegExp {
  const segments = url.split('/').map((segment) => (segment.startsWith(':') ? '[^/]+' : RegExp.escape(segment)));
  return new RegExp(`^${segments.join('/')}/?$`);
}
