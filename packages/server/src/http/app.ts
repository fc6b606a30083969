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

/** Default limit for JSON bodies; routes can set their own. */
const JSON_BODY_LIMIT = 64 * 1024;
/** Limit for the request line and headers together. */
const MAX_HEADER_BYTES = 16 * 1024;

/** Builds the server with all hooks and routes, ready to listen. */
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
    // Routes check their parameters themselves, with their own error codes.
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
    // Slow uploads have no total time limit; `Deadlines` closes connections that stall.
    requestTimeout: 0,
    // Unread bytes in memory per connection, small because of many slow connections.
    highWaterMark: 16 * 1024,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: 30_000,
    // Longer than clients and load balancers keep idle connections, so that none is closed while they send a request.
    keepAliveTimeout: 75_000,
    // `resolveHost` rejects these requests, with an error in Box's format.
    requireHostHeader: false,
  };
  const server = settings.tls
    ? createTlsServer({ ...options, ...settings.tls, allowHalfOpen: true, handshakeTimeout: 30_000 })
    : createServer(options);
  server.maxConnections = settings.maxConnections;
  return server;
}

/** Rejects new requests while the server stops, also on open connections. */
function rejectWhileClosing(app: FastifyInstance): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  // Otherwise a connection that sends its last response now would stay open, and delay the stop until the client closes
  // it.
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close');
  });
  app.addHook('onRequest', async () => {
    if (!isClosing) return;
    throw new ApiError('unavailable', 'The server is shutting down. Try again later.', { retryAfterSeconds: 5 });
  });
}
