import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { checkForwardedHeaders, decorateApiBase, PREFIXES } from './addresses.ts';
import { ApiError } from './api-error.ts';
import { Connections, type ErrorHeaders } from './connections/connections.ts';
import { newRequestId } from './connections/raw-responses.ts';
import { checkApiVersion } from './hooks/api-version.ts';
import { enforcePolicies } from './hooks/authenticate.ts';
import { corsErrorHeaders, enableCors } from './hooks/cors.ts';
import { handleErrors, sendError } from './hooks/errors.ts';
import { createFairShare, enforceFairShare } from './hooks/fair-turns.ts';
import { warnOfUntrustedProxy } from './hooks/forwarded-headers.ts';
import { hstsHeaders } from './hooks/https.ts';
import { rejectUnknownRoutes } from './hooks/not-found.ts';
import { limitRates } from './hooks/rate-limit.ts';
import { RateLimiter } from './hooks/rate-limiter.ts';
import { checkQueryTexts } from './hooks/request-text.ts';
import { enforceScopes } from './hooks/scopes.ts';
import { dropUnreadBodies, parseJsonBodies } from './request/bodies.ts';
import { hideContentTypes } from './request/content-type.ts';
import { rejectUndecodableQueries } from './request/decode-text.ts';
import { serveDownloads } from './routes/downloads.ts';
import { serveHealth } from './routes/health.ts';
import { serveAuthorize } from './routes/oauth-authorize.ts';
import { serveTokens } from './routes/oauth-token.ts';
import { servePlaceholders } from './routes/thumbnails.ts';
import { serveTree } from './routes/tree.ts';
import { serveUploads } from './routes/upload-sessions.ts';
import type { HttpSettings, Services } from './services.ts';

/** A JSON body may have this many bytes where a route does not say otherwise. */
const JSON_BODY_LIMIT = 64 * 1024;
/** Request line and headers together. */
const MAX_HEADER_BYTES = 16 * 1024;

/** The edge, ready to listen: every route of the wire under both prefixes. */
export async function buildApp(services: Services): Promise<FastifyInstance> {
  const { auth, log, settings } = services;
  const errorHeaders: ErrorHeaders = (request) => ({
    ...corsErrorHeaders(request, settings),
    ...hstsHeaders(request, settings),
  });
  const connections = new Connections({ ...settings, errorHeaders }, log);
  const app: FastifyInstance = fastify({
    serverFactory: (listener) => {
      const server = createHttpServer(settings);
      connections.serve(server, listener);
      return server;
    },
    trustProxy: settings.trustedProxies.length > 0 ? [...settings.trustedProxies] : false,
    loggerInstance: log,
    genReqId: newRequestId,
    // A parameter may be as long as a header: what it must look like is for its route to say.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_HEADER_BYTES },
    bodyLimit: JSON_BODY_LIMIT,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: (error, socket) => connections.rejectBadSyntax(error as Error, socket as Socket),
    frameworkErrors: (error, request, reply) => {
      reply.headers(errorHeaders(request));
      sendError(error, request, reply);
    },
  });

  handleErrors(app);
  app.addHook('onRequest', async (request, reply) => {
    connections.attachReply(request.raw, reply);
    reply.header('box-request-id', request.id);
    reply.headers(hstsHeaders(request, settings));
  });
  hideContentTypes(app);
  await enableCors(app, settings);
  checkForwardedHeaders(app);
  decorateApiBase(app, settings.publicUrl);
  rejectWhileClosing(app);
  warnOfUntrustedProxy(app, settings);
  rejectUndecodableQueries(app);
  rejectUnknownRoutes(app);
  enforcePolicies(app, auth);
  checkApiVersion(app);
  checkQueryTexts(app);
  const rates = new RateLimiter(settings.rates, auth.clock);
  limitRates(app, rates);
  enforceFairShare(app, createFairShare(auth.clock));
  enforceScopes(app, auth);
  parseJsonBodies(app);
  dropUnreadBodies(app);

  serveHealth(app, services.readiness);
  serveTokens(app, services, rates);
  serveAuthorize(app, services);
  serveDownloads(app, services);
  servePlaceholders(app);
  for (const prefix of PREFIXES) {
    await app.register(async (scope) => serveUploads(scope, services, rates), { prefix });
    await app.register(async (scope) => serveTree(scope, services), { prefix });
  }
  return app;
}

function createHttpServer(settings: HttpSettings): Server {
  const options: ServerOptions = {
    // A part may take as long as its line needs; `Deadlines` sees to those that stop.
    requestTimeout: 0,
    // What a connection holds unread: many slow ones add up.
    highWaterMark: 16 * 1024,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: 30_000,
    // Longer than any client's pool or balancer keeps a connection, so that none is closed under a new request.
    keepAliveTimeout: 75_000,
    // Refused by `settleAddress`, in Box's format.
    requireHostHeader: false,
  };
  const server = settings.tls
    ? createTlsServer({ ...options, ...settings.tls, allowHalfOpen: true, handshakeTimeout: 30_000 })
    : createServer(options);
  server.maxConnections = settings.maxConnections;
  return server;
}

/** A stopping server takes nothing new, also on connections that are open already. */
function rejectWhileClosing(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  // Else a connection whose last answer goes out now would stay open, and hold up the stop, until its client drops it.
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  app.addHook('onRequest', async () => {
    if (!closing) return;
    throw new ApiError('unavailable', 'The server is stopping; try again in a moment.', { retryAfterSeconds: 5 });
  });
}
