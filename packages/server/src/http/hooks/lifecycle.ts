import type { FastifyInstance } from 'fastify';
import type { AuthContext } from '../../auth/context.ts';
import { checkForwardedAddress } from '../addresses.ts';
import { ApiError } from '../api-error.ts';
import type { Connections } from '../connections/connections.ts';
import { discardBody } from '../request/bodies.ts';
import { hideContentType } from '../request/content-type.ts';
import { checkUrlText } from '../request/decode-text.ts';
import type { HttpSettings } from '../services.ts';
import { checkApiVersion } from './api-version.ts';
import { authenticateRequest, requirePolicies } from './authenticate.ts';
import { enableCors, isBrowserPreflight } from './cors.ts';
import type { FairShare } from './fair-share.ts';
import { chargeResponse, takeTurn } from './fair-turns.ts';
import { createProxyCheck } from './forwarded-headers.ts';
import { hstsHeaders } from './https.ts';
import { createRouteCheck } from './not-found.ts';
import { classifyRoutes, countPart, limitRate, throwRateError } from './rate-limit.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { checkTexts } from './request-text.ts';
import { checkBodyPermission, checkPermission, requirePermissions } from './scopes.ts';

interface HookDeps {
  auth: AuthContext;
  settings: HttpSettings;
  connections: Connections;
  rates: RateLimiter;
  fair: FairShare<string>;
}

/**
 * Adds the hooks that run for every request, in the order in which they run. Everything that can be checked without the body
 * is checked before it is read. The order decides which error a client gets: errors of the address and URL, 404 and 405 for
 * routes, 401, 400 for the API version and the query, then 429 and permissions. On a route with a `precheck`, permissions come
 * first, then the 400 and 403 of the precheck, then 429.
 */
export async function addHooks(app: FastifyInstance, deps: HookDeps): Promise<void> {
  const { auth, settings, connections, rates, fair } = deps;
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });

  app.addHook('onRequest', async (request, reply) => {
    connections.attachReply(request.raw, reply);
    Object.defineProperty(request.raw, '_dump', { value: discardBody });
    reply.header('box-request-id', request.id);
    reply.headers(hstsHeaders(request, settings));
    if (isBrowserPreflight(request)) reply.header('vary', 'Access-Control-Request-Headers');
    hideContentType(request);
  });
  await enableCors(app, settings);

  // The CORS plugin's own route needs no policy, because its hook has answered before.
  requirePolicies(app);
  requirePermissions(app);
  classifyRoutes(app);
  const checkProxy = createProxyCheck(app, settings);
  const checkRoute = createRouteCheck(app);
  app.addHook('onRequest', async (request, reply) => {
    checkForwardedAddress(request);
    if (isClosing) throw closingError();
    checkProxy(request);
    checkUrlText(request.url);
    checkRoute(request, reply);
    if (request.routeOptions.config.policy === 'bearer') {
      request.authority = await authenticateRequest(auth, request, reply);
    }
    checkApiVersion(request, reply);
    // Parameters in the path are IDs, which have stricter checks.
    if (request.url.includes('?')) checkTexts(request.query, 'The query');
    limitRate(rates, request);
    await takeTurn(fair, request, reply);
    if (request.authority !== undefined) await checkPermission(auth, request, request.authority);
  });

  app.addHook('preHandler', async (request) => {
    if (request.rateError !== undefined) await throwRateError(request, request.rateError);
    if (request.authority !== undefined) await checkBodyPermission(auth, request, request.authority);
  });

  app.addHook('onSend', async (request, reply, payload) => {
    // Otherwise a connection that sends its last response now would stay open, and delay the stop until the client closes
    // it.
    if (isClosing) reply.header('connection', 'close');
    chargeResponse(fair, request, payload);
  });

  app.addHook('onResponse', async (request, reply) => {
    countPart(rates, request, reply.statusCode);
    if (!request.raw.readableEnded) discardBody.call(request.raw);
  });

  app.addHook('onRequestAbort', async (request) => countPart(rates, request));
}

function closingError(): ApiError {
  return new ApiError('unavailable', 'The server is shutting down. Try again later.', { retryAfterSeconds: 5 });
}
