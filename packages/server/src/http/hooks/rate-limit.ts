import type { FastifyInstance, FastifyRequest } from 'fastify';
import { networkFor } from '../../auth/login/log-in.ts';
import { ApiError } from '../api-error.ts';
import { getCaller } from './authenticate.ts';
import type { RateLimiter } from './rate-limiter.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Checks that have priority over 429: 400 for malformed requests, then 403 for limits of the user. Otherwise
     * clients would repeat such requests forever. It can read a few rows and must not change anything. Routes with
     * large bodies have none.
     */
    precheck?: (request: FastifyRequest) => void | Promise<void>;
  }
  interface FastifyRequest {
    /** The 429 that the request will get after its prechecks. */
    rateError: ApiError | undefined;
    /** For a part: whether it counts as a request when it ends. A part that was stored does not count. */
    isWasted: boolean;
  }
}

/** Routes without a known user, whose rates are limited by address. */
const TOKENS = /^(?:\/api)?\/oauth2\//;
const DOWNLOADS = /^\/downloads\//;

/**
 * Counts all requests except health checks, including rejected ones, and throws `rate_limit_exceeded` with the time of
 * the next attempt. Parts count when they end, and only if they were not stored (`RateLimiter`). The order of errors is
 * always 401, 400 for malformed requests, 403 for limits of the user, then 429. A route declares checks before 429 as
 * `precheck`; without them, 429 comes first.
 */
export function limitRates(app: FastifyInstance, rates: RateLimiter): void {
  app.decorateRequest('rateError', undefined);
  app.decorateRequest('isWasted', true);
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.policy !== 'bearer') return countAnonymous(rates, request);
    const { userId } = getCaller(request);
    const counts = [
      () => (isPart(request) ? rates.checkPart(userId) : rates.countCall(userId)),
      () => beginsUpload(request) && rates.countUpload(userId),
    ];
    for (const count of counts) request.rateError = findRateError(count) ?? request.rateError;
    if (request.rateError !== undefined && request.routeOptions.config.precheck === undefined) throw request.rateError;
  });
  app.addHook('preHandler', async (request) => {
    if (request.rateError === undefined) return;
    await request.routeOptions.config.precheck?.(request);
    throw request.rateError;
  });
  const countPart = async (request: FastifyRequest) => {
    if (!request.isWasted || !isPart(request) || request.authority === undefined) return;
    request.isWasted = false;
    rates.countWastedPart(getCaller(request).userId);
  };
  app.addHook('onResponse', async (request, { statusCode }) => {
    // Errors of the server do not count, and a 429 has already been counted.
    if (statusCode < 500 && statusCode !== 429) await countPart(request);
  });
  app.addHook('onRequestAbort', countPart);
}

/** Returns the error that `count` throws, or undefined if the request is within the rate. */
function findRateError(count: () => unknown): ApiError | undefined {
  try {
    count();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

function countAnonymous(rates: RateLimiter, request: FastifyRequest): void {
  if (isTokenRequest(request)) rates.countTokenRequest(networkFor(request.ip));
  else if (DOWNLOADS.test(request.routeOptions.url ?? '')) rates.countDownload(networkFor(request.ip));
}

/** Whether this is a request for a token or a login. */
export function isTokenRequest({ routeOptions }: FastifyRequest): boolean {
  return TOKENS.test(routeOptions.url ?? '');
}

/** Whether this request uploads a part. */
export function isPart({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'PUT' && /\/upload_sessions\/:session_id$/.test(routeOptions.url ?? '');
}

function beginsUpload({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'POST' && /\/files(\/:file_id)?\/(content|upload_sessions)$/.test(routeOptions.url ?? '');
}
