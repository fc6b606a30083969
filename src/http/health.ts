import type { FastifyInstance } from 'fastify';

/** `/healthz`: the process answers. */
export function serveHealth(app: FastifyInstance): void {
  app.get('/healthz', { config: { policy: 'public' }, logLevel: 'silent' }, async () => ({ status: 'ok' }));
}
