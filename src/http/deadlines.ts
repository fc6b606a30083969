import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { Refusal } from '../api/refusal.ts';
import { refuseOnSocket } from './raw-answer.ts';

/** How slowly a client may send a body before its connection is closed. */
export interface BodyPace {
  /** Over which time the pace is taken, in milliseconds. */
  windowMillis: number;
  /** The fewest bytes that must come in such a window. */
  bytes: number;
}

interface Watched {
  bytesAtStart: number;
  startedAt: number;
}

/**
 * Closes connections whose body has stopped or trickles below `pace`, so that nobody holds sockets for nothing. Time
 * in which the server itself does not read (a slow disk) is not held against the client. Reads to the end of refused
 * bodies are watched as well.
 */
export function watchBodies(app: FastifyInstance, pace: BodyPace): void {
  const watched = new Map<IncomingMessage, Watched>();
  const timer = setInterval(
    () => {
      const now = performance.now();
      for (const [request, since] of watched) {
        const { socket } = request;
        if (request.complete || socket.destroyed) {
          watched.delete(request);
        } else if (isWaitingForUs(request) || socket.bytesRead - since.bytesAtStart >= pace.bytes) {
          watched.set(request, { bytesAtStart: socket.bytesRead, startedAt: now });
        } else if (now - since.startedAt >= pace.windowMillis) {
          watched.delete(request);
          refuseOnSocket(
            socket,
            new Refusal(
              'request_timeout',
              'The body came too slowly or stopped. What was acknowledged stands; send this again.',
            ),
          );
          request.destroy();
        }
      }
    },
    Math.min(1_000, pace.windowMillis / 4),
  );
  timer.unref();

  app.addHook('onRequest', async ({ raw }) => {
    if (!raw.complete) watched.set(raw, { bytesAtStart: raw.socket.bytesRead, startedAt: performance.now() });
  });
  app.addHook('onClose', async () => clearInterval(timer));
}

function isWaitingForUs(request: IncomingMessage): boolean {
  return request.readableLength >= request.readableHighWaterMark;
}
