import type { FastifyInstance, FastifyRequest } from 'fastify';
import { networkFor } from '../../auth/login/log-in.ts';
import type { Clock } from '../../time/clock.ts';
import { createDisconnectSignal } from '../connections/disconnects.ts';
import { eventLoopLoad, FairShare } from './fair-share.ts';
import { isPart, isTokenRequest } from './rate-limit.ts';

/** JSON is parsed, checked and made on the event loop: so many bytes of it cost about as much as a request without any. */
const JSON_UNIT_BYTES = 32 * 1024;
/** The same for bytes that only pass through. */
const STREAM_UNIT_BYTES = 1024 * 1024;

/**
 * Makes requests of users who keep a busy server busy wait for others (`FairShare`), before anything of their body is
 * read. Parts and downloads never wait: what bounds them is the line and the disk. Nor do health checks.
 */
export function enforceFairShare(app: FastifyInstance, fair: FairShare<string>): void {
  app.addHook('onRequest', async (request, reply) => {
    const key = shareKey(request);
    if (key === undefined) return;
    if (isPart(request)) fair.markActive(key);
    else await fair.turn(key, 1 + bodyUnits(request), () => createDisconnectSignal(request, reply));
  });
  app.addHook('onSend', async (request, _reply, payload) => {
    const key = shareKey(request);
    if (key === undefined || typeof payload !== 'string') return;
    fair.charge(key, payload.length / JSON_UNIT_BYTES);
  });
}

/** The turns of a server's users. An address that asks for tokens may be that of a user who is known already. */
export function createFairShare(clock: Clock, load = eventLoopLoad()): FairShare<string> {
  return new FairShare<string>(clock, load, (key) => key.startsWith(USER));
}

const USER = 'user ';

function shareKey(request: FastifyRequest): string | undefined {
  const { authority } = request;
  if (authority !== undefined) return USER + authority.principal.userId;
  return isTokenRequest(request) ? `address ${networkFor(request.ip)}` : undefined;
}

/** By its announced length; a body without one may be as long as its route allows. */
function bodyUnits(request: FastifyRequest): number {
  const { headers, routeOptions } = request;
  const isStream = routeOptions.config.body === 'stream';
  const { 'content-length': length, 'transfer-encoding': encoding } = headers;
  if (length === undefined && encoding === undefined) return 0;
  if (isStream) return Number(length ?? 0) / STREAM_UNIT_BYTES;
  return Math.min(Number(length ?? Number.POSITIVE_INFINITY), routeOptions.bodyLimit ?? 0) / JSON_UNIT_BYTES;
}
