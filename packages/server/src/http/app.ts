import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { decorateApiBase, PREFIXES } from './addresses.ts';
import { Connections, type ErrorHeaders } from './connections/connections.ts';
import { newRequestId } from './connections/raw-responses.ts';
import { corsErrorHeaders } from './hooks/cors.ts';
import { handleErrors, sendError } from './hooks/errors.ts';
import { createFairShare } from './hooks/fair-turns.ts';
import { hstsHeaders } from './hooks/https.ts';
import { addHooks } from './hooks/lifecycle.ts';
import { RateLimiter } from './hooks/rate-limiter.ts';
import { parseJsonBodies } from './request/bodies.ts';
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
  decorateApiBase(app, settings.publicUrl);
  const rates = new RateLimiter(settings.rates, auth.clock);
  await addHooks(app, { auth, settings, connections, rates, fair: createFairShare(auth.clock) });
  parseJsonBodies(app);

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
