import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import fastify, { type FastifyInstance } from 'fastify';
import { Refusal } from '../api/refusal.ts';
import { PREFIXES } from './addresses.ts';
import { serveAuthorize } from './authorize.ts';
import { awaitContinue, takeJsonBodies } from './bodies.ts';
import { checkQueryTexts } from './check-text.ts';
import { setContentTypesAside } from './content-type.ts';
import { allowOrigins } from './cors.ts';
import { watchBodies } from './deadlines.ts';
import { serveDownloads } from './download.ts';
import { serveHealth } from './health.ts';
import { logTo } from './logger.ts';
import { refuseUnknownRoutes } from './not-found.ts';
import { serveTokens } from './oauth.ts';
import { enforcePolicies } from './policy.ts';
import { limitRates } from './rate-limit.ts';
import { newRequestId, refuseBadSyntax } from './raw-answer.ts';
import { answerRefusals } from './refusals.ts';
import { enforceScopes } from './scopes.ts';
import type { HttpSettings, Services } from './services.ts';
import { servePlaceholders } from './thumbnails.ts';
import { serveTree } from './tree.ts';
import { serveUploads } from './uploads.ts';
import { refuseUndecodableQueries } from './url-text.ts';

/** A JSON body may have this many bytes where a route does not say otherwise. */
const JSON_BODY_LIMIT = 64 * 1024;

/** The edge, ready to listen: every route of the wire under both prefixes. */
export async function buildApp(services: Services): Promise<FastifyInstance> {
  const { access, settings } = services;
  const app = fastify({
    serverFactory: (listener) => makeServer(listener, settings),
    trustProxy: settings.trustedProxies.length > 0 ? [...settings.trustedProxies] : false,
    logger: logTo(settings.logLevel),
    genReqId: newRequestId,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 64 },
    bodyLimit: JSON_BODY_LIMIT,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseBadSyntax,
  });

  answerRefusals(app);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('box-request-id', request.id);
  });
  setContentTypesAside(app);
  refuseWhileClosing(app);
  watchBodies(app, settings.bodyPace);
  await allowOrigins(app, settings);
  refuseUndecodableQueries(app);
  refuseUnknownRoutes(app);
  enforcePolicies(app, access);
  checkQueryTexts(app);
  limitRates(app, settings.rates, access.clock);
  enforceScopes(app, access);
  takeJsonBodies(app);

  serveHealth(app, services.readiness);
  serveTokens(app, services);
  serveAuthorize(app, services);
  serveDownloads(app, services);
  servePlaceholders(app);
  for (const prefix of PREFIXES) {
    await app.register(async (scope) => serveUploads(scope, services), { prefix });
    await app.register(async (scope) => serveTree(scope, services), { prefix });
  }
  return app;
}

function makeServer(listener: RequestListener, settings: HttpSettings): Server {
  const options: ServerOptions = {
    // A part may take as long as its line needs; `watchBodies` sees to those that stop.
    requestTimeout: 0,
    // What a connection holds unread: many slow ones add up.
    highWaterMark: 16 * 1024,
    headersTimeout: 30_000,
    // Longer than any client's pool or balancer keeps a connection, so that none is closed under a new request.
    keepAliveTimeout: 75_000,
  };
  const server = settings.tls
    ? createTlsServer({ ...options, ...settings.tls }, listener)
    : createServer(options, listener);
  server.maxConnections = settings.maxConnections;
  server.on('checkContinue', (request, response) => {
    awaitContinue(request, response);
    listener(request, response);
  });
  return server;
}

/** A stopping server takes nothing new, also on connections that are open already. */
function refuseWhileClosing(app: FastifyInstance): void {
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
    throw new Refusal('unavailable', 'The server is stopping; try again in a moment.', { retryAfterSeconds: 5 });
  });
}
