import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import type { Clock } from '../clock.ts';
import { callerOf } from './policy.ts';
import { TokenBuckets } from './token-buckets.ts';

/** How often a user may do what, a minute; undefined for no limit. */
export interface Rates {
  calls: number | undefined;
  uploads: number | undefined;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * What a call to this route is refused for even if it is one too many: 400 for what is malformed, then 403 for what a
     * limit of the user forbids. A client that hears 429 comes again, and would be refused for ever. It may read a few
     * rows and changes nothing; a route whose body is large has none.
     */
    early?: (request: FastifyRequest) => void | Promise<void>;
  }
  interface FastifyRequest {
    overRate: Refusal | undefined;
  }
}

/**
 * Refuses `rate_limit_exceeded`, with the time after which to come again. Every call counts, also one that is refused for
 * something else. The order is always the same: 401, 400 malformed, 403 limits of the user, 429. What a route checks
 * before 429 it declares as `early`; without that 429 comes before anything else is done. The parts of an upload are not
 * counted: its size bounds them, and an upload that was let in should end.
 */
export function limitRates(app: FastifyInstance, { calls, uploads }: Rates, clock: Clock): void {
  const limits = [
    { what: 'calls', isCounted: (request: FastifyRequest) => !isPart(request), buckets: bucketsOf(calls) },
    { what: 'uploads', isCounted: beginsUpload, buckets: bucketsOf(uploads) },
  ];
  if (limits.every(({ buckets }) => buckets === undefined)) return;
  app.decorateRequest('overRate', undefined);
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.policy !== 'bearer') return;
    const { userId } = callerOf(request);
    for (const { what, isCounted, buckets } of limits) {
      if (buckets === undefined || !isCounted(request)) continue;
      const wait = buckets.take(userId, clock.monotonic());
      if (wait > 0) request.overRate ??= tooMany(what, wait);
    }
    if (request.overRate !== undefined && request.routeOptions.config.early === undefined) throw request.overRate;
  });
  app.addHook('preHandler', async (request) => {
    if (request.overRate === undefined) return;
    await request.routeOptions.config.early?.(request);
    throw request.overRate;
  });
}

function bucketsOf(perMinute: number | undefined): TokenBuckets<UserId> | undefined {
  return perMinute === undefined ? undefined : new TokenBuckets(perMinute);
}

function isPart({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'PUT' && /\/upload_sessions\/:session_id$/.test(routeOptions.url ?? '');
}

function beginsUpload({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'POST' && /\/files(\/:file_id)?\/(content|upload_sessions)$/.test(routeOptions.url ?? '');
}

function tooMany(what: string, waitMillis: number): Refusal {
  const retryAfterSeconds = Math.ceil(waitMillis / 1000);
  return new Refusal('rate_limit_exceeded', `Too many ${what}: send this again in ${retryAfterSeconds} s.`, {
    retryAfterSeconds,
  });
}
