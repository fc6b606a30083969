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

/**
 * Refuses `rate_limit_exceeded`, with the time after which to come again, before anything else is done for a call. The
 * parts of an upload are not counted: its size bounds them, and an upload that was let in should end.
 */
export function limitRates(app: FastifyInstance, { calls, uploads }: Rates, clock: Clock): void {
  const limits = [
    { what: 'calls', isCounted: (request: FastifyRequest) => !isPart(request), buckets: bucketsOf(calls) },
    { what: 'uploads', isCounted: beginsUpload, buckets: bucketsOf(uploads) },
  ];
  if (limits.every(({ buckets }) => buckets === undefined)) return;
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.policy !== 'bearer') return;
    const { userId } = callerOf(request);
    for (const { what, isCounted, buckets } of limits) {
      if (buckets === undefined || !isCounted(request)) continue;
      const wait = buckets.take(userId, clock.monotonic());
      if (wait > 0) throw tooMany(what, wait);
    }
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
