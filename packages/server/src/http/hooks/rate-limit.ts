import type { FastifyInstance, FastifyRequest } from 'fastify';
import { networkFor } from '../../auth/login/log-in.ts';
import { ApiError } from '../api-error.ts';
import { getCaller } from './authenticate.ts';
import type { RateLimiter } from './rate-limiter.ts';

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
    overRate: ApiError | undefined;
    /** For a part of an upload: whether it counts as a call when it ends, which one that was stored does not. */
    isWasted: boolean;
  }
}

/** Requests whose rate is that of an address: nobody is known to have sent them. */
const TOKENS = /^(?:\/api)?\/oauth2\//;
const DOWNLOADS = /^\/downloads\//;

/**
 * Counts every request but those for the server's health, also one that is refused for something else, and refuses
 * `rate_limit_exceeded`, with the time after which to come again. Parts of an upload count when they end, and only those
 * that stored nothing (`RateLimiter`). The order is always the same: 401, 400 malformed, 403 limits of the user, 429. What
 * a route checks before 429 it declares as `early`; without that 429 comes before anything else is done.
 */
export function limitRates(app: FastifyInstance, rates: RateLimiter): void {
  app.decorateRequest('overRate', undefined);
  app.decorateRequest('isWasted', true);
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.policy !== 'bearer') return countAnonymous(rates, request);
    const { userId } = getCaller(request);
    const counts = [
      () => (isPart(request) ? rates.checkPart(userId) : rates.countCall(userId)),
      () => beginsUpload(request) && rates.countUpload(userId),
    ];
    for (const count of counts) request.overRate = findRateError(count) ?? request.overRate;
    if (request.overRate !== undefined && request.routeOptions.config.early === undefined) throw request.overRate;
  });
  app.addHook('preHandler', async (request) => {
    if (request.overRate === undefined) return;
    await request.routeOptions.config.early?.(request);
    throw request.overRate;
  });
  const countPart = async (request: FastifyRequest) => {
    if (!request.isWasted || !isPart(request) || request.authority === undefined) return;
    request.isWasted = false;
    rates.countWastedPart(getCaller(request).userId);
  };
  app.addHook('onResponse', async (request, { statusCode }) => {
    // What the server could not do is no fault of the client's, and a 429 has been counted.
    if (statusCode < 500 && statusCode !== 429) await countPart(request);
  });
  app.addHook('onRequestAbort', countPart);
}

/** What `count` refuses; undefined if there was a token left. */
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

/** Whether this asks for a token, or for anything else that logging in takes. */
export function isTokenRequest({ routeOptions }: FastifyRequest): boolean {
  return TOKENS.test(routeOptions.url ?? '');
}

/** Whether this is a part of an upload session. */
export function isPart({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'PUT' && /\/upload_sessions\/:session_id$/.test(routeOptions.url ?? '');
}

function beginsUpload({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'POST' && /\/files(\/:file_id)?\/(content|upload_sessions)$/.test(routeOptions.url ?? '');
}
