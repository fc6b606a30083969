import type { FastifyInstance, FastifyRequest } from 'fastify';
import { networkFor } from '../../auth/login/log-in.ts';
import { ApiError } from '../api-error.ts';
import type { RateLimiter } from './rate-limiter.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Checks that have priority over 429: 400 for malformed requests, then 403 for limits of the user. Otherwise
     * clients would repeat such requests forever. It can read a few rows and must not change anything. Routes with
     * large bodies have none.
     */
    precheck?: (request: FastifyRequest) => void | Promise<void>;
    rate?: RateKind;
  }
  interface FastifyRequest {
    /** The 429 that the request will get after its prechecks. */
    rateError: ApiError | undefined;
    /** For a part: whether it counts as a request when it ends. A part that was stored does not count. */
    isWasted: boolean;
  }
}

/** What a request counts as. Requests of routes without a known user are counted by address. */
type RateKind = 'call' | 'upload' | 'part' | 'token' | 'download';

/** Decorates requests, and determines what the requests of each route count as. */
export function classifyRoutes(app: FastifyInstance): void {
  app.decorateRequest('rateError', undefined);
  app.decorateRequest('isWasted', true);
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, rate: rateKind([route.method].flat(), route.url) };
  });
}

function rateKind(methods: readonly string[], url: string): RateKind {
  if (methods.includes('PUT') && /\/upload_sessions\/:session_id$/.test(url)) return 'part';
  if (methods.includes('POST') && /\/files(\/:file_id)?\/(content|upload_sessions)$/.test(url)) return 'upload';
  if (/^(?:\/api)?\/oauth2\//.test(url)) return 'token';
  return url.startsWith('/downloads/') ? 'download' : 'call';
}

/**
 * Counts a request, including one that will be rejected, and throws `rate_limit_exceeded` with the time of the next attempt.
 * Health checks do not count. Parts count when they end, and only if they were not stored (`countPart`). The order of errors
 * is always 401, 400 for malformed requests, 403 for limits of the user, then 429. A route declares checks before 429 as
 * `precheck`, and `throwRateError` runs them; without them, 429 comes first.
 */
export function limitRate(rates: RateLimiter, request: FastifyRequest): void {
  const { authority } = request;
  const { rate, precheck } = request.routeOptions.config;
  if (authority === undefined) {
    if (rate === 'token') rates.countTokenRequest(networkFor(request.ip));
    else if (rate === 'download') rates.countDownload(networkFor(request.ip));
    return;
  }
  const { userId } = authority.principal;
  if (rate === 'part') {
    rates.checkPart(userId);
    return;
  }
  request.rateError = findRateError(() => rates.countCall(userId));
  if (rate === 'upload') request.rateError = findRateError(() => rates.countUpload(userId)) ?? request.rateError;
  if (request.rateError !== undefined && precheck === undefined) throw request.rateError;
}

/** Runs the prechecks of a request that is beyond the rate, then throws `rate_limit_exceeded`. */
export async function throwRateError(request: FastifyRequest, rateError: ApiError): Promise<never> {
  await request.routeOptions.config.precheck?.(request);
  throw rateError;
}

/** Counts a part that ended and was not stored. Errors of the server do not count, and a 429 has already been counted. */
export function countPart(rates: RateLimiter, request: FastifyRequest, status?: number): void {
  if (!request.isWasted || request.authority === undefined || request.routeOptions.config.rate !== 'part') return;
  if (status !== undefined && (status >= 500 || status === 429)) return;
  request.isWasted = false;
  rates.countWastedPart(request.authority.principal.userId);
}

/** Returns the error that `count` throws, or undefined if the request is within the rate. */
function findRateError(count: () => void): ApiError | undefined {
  try {
    count();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}
