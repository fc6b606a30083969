import type { FastifyInstance } from 'fastify';
import type { Readiness } from './readiness.ts';

/** A balancer that asks again sooner learns nothing new. */
const RETRY_AFTER_SECONDS = 1;

/** `/healthz`: the process answers. `/readyz`: so does what it needs, and it is not stopping. */
export function serveHealth(app: FastifyInstance, readiness: Readiness): void {
  app.get('/healthz', { config: { policy: 'public' }, logLevel: 'silent' }, async () => ({ status: 'ok' }));
  app.get('/readyz', { config: { policy: 'public' }, logLevel: 'silent' }, async (_request, reply) => {
    const { ready, checks } = await readiness.verdict();
    if (!ready) reply.code(503).header('retry-after', RETRY_AFTER_SECONDS);
    return { status: ready ? 'ok' : 'unavailable', checks };
  });
}
