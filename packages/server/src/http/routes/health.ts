import type { FastifyInstance } from 'fastify';
import type { Readiness } from './readiness.ts';

/** `Readiness` does not check more often by default. */
const RETRY_AFTER_SECONDS = 1;

/**
 * `/healthz` succeeds if the process runs, `/readyz` if its dependencies work too and the server is not shutting down.
 */
export function serveHealth(app: FastifyInstance, readiness: Readiness): void {
  app.get('/healthz', { config: { policy: 'public' }, logLevel: 'silent' }, async () => ({ status: 'ok' }));
  app.get('/readyz', { config: { policy: 'public' }, logLevel: 'silent' }, async (_request, reply) => {
    const { ready, checks } = await readiness.verdict();
    if (!ready) reply.code(503).header('retry-after', RETRY_AFTER_SECONDS);
    return { status: ready ? 'ok' : 'unavailable', checks };
  });
}
