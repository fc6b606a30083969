import type { FastifyRequest } from 'fastify';
import type { UploadContext } from '../../uploads/context.ts';
import { getOwnSession } from '../../uploads/get-session.ts';
import type { Session } from '../../uploads/session.ts';
import { parseSessionIdParam } from '../request/part-headers.ts';
import { getCaller } from './authenticate.ts';

const loadedSessions = new WeakMap<FastifyRequest, Session>();

/**
 * Creates a hook that loads the caller's upload session, so that an error is sent before a large body is received or
 * parsed.
 */
export function loadOwnSession(uploads: UploadContext): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    loadedSessions.set(
      request,
      await getOwnSession(uploads, getCaller(request).userId, parseSessionIdParam(request.params)),
    );
  };
}

/** Gets the session that `loadOwnSession` has loaded. */
export function getLoadedSession(request: FastifyRequest): Session {
  const session = loadedSessions.get(request);
  if (session === undefined) throw new Error(`The route ${request.routeOptions.url} does not load its session.`);
  return session;
}
