import type { FastifyReply, FastifyRequest } from 'fastify';
import { networkFor } from '../../auth/login/log-in.ts';
import type { Clock } from '../../time/clock.ts';
import { createDisconnectSignal } from '../connections/disconnects.ts';
import { eventLoopLoad, FairShare } from './fair-share.ts';

/** Bytes of JSON that cost about as much as a request without a body, because JSON is processed on the event loop. */
const JSON_UNIT_BYTES = 32 * 1024;
/** Same, for bytes that are only passed on. */
const STREAM_UNIT_BYTES = 1024 * 1024;

/**
 * Delays requests of the most active users while the server is busy (`FairShare`), before their bodies are read. Parts
 * and downloads never wait, because network and disk limit them, and neither do health checks.
 */
export async function takeTurn(fair: FairShare<string>, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const key = shareKey(request);
  if (key === undefined) return;
  if (request.routeOptions.config.rate === 'part') fair.markActive(key);
  else await fair.turn(key, 1 + bodyUnits(request), () => createDisconnectSignal(request, reply));
}

/** Charges the cost of a response. Responses to parts are too small to count, and downloads are streams. */
export function chargeResponse(fair: FairShare<string>, request: FastifyRequest, payload: unknown): void {
  if (typeof payload !== 'string' || request.routeOptions.config.rate === 'part') return;
  const key = shareKey(request);
  if (key !== undefined) fair.charge(key, payload.length / JSON_UNIT_BYTES);
}

/**
 * Creates the fair share of a server. Addresses that request tokens do not count as users, because they can belong to
 * one.
 */
export function createFairShare(clock: Clock, load = eventLoopLoad()): FairShare<string> {
  return new FairShare<string>(clock, load, (key) => key.startsWith(USER));
}

const USER = 'user ';

function shareKey(request: FastifyRequest): string | undefined {
  const { authority } = request;
  if (authority !== undefined) return USER + authority.principal.userId;
  return request.routeOptions.config.rate === 'token' ? `address ${networkFor(request.ip)}` : undefined;
}

/** The cost of a body by its Content-Length, or without one, by the limit of the route. */
function bodyUnits(request: FastifyRequest): number {
  const { headers, routeOptions } = request;
  const isStream = routeOptions.config.body === 'stream';
  const { 'content-length': length, 'transfer-encoding': encoding } = headers;
  if (length === undefined && encoding === undefined) return 0;
  if (isStream) return Number(length ?? 0) / STREAM_UNIT_BYTES;
  return Math.min(Number(length ?? Number.POSITIVE_INFINITY), routeOptions.bodyLimit ?? 0) / JSON_UNIT_BYTES;
}
