import type { FastifyRequest } from 'fastify';
import type { UploadContext } from '../../uploads/context.ts';
import { getOwnSession } from '../../uploads/find-session.ts';
import type { Session } from '../../uploads/session.ts';
import { parseSessionIdParam } from '../request/part-headers.ts';
import { getCaller } from './authenticate.ts';

const loadedSessions = new WeakMap<FastifyRequest, Session>();

/**
 * A hook of routes whose address names a session and whose body may be large: the caller's session is looked up, and
 * refused, before a byte of the body is asked for or parsed.
 */
export function loadOwnSession(uploads: UploadContext): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    loadedSessions.set(
      request,
      await getOwnSession(uploads, getCaller(request).userId, parseSessionIdParam(request.params)),
    );
  };
}

/** What that hook found. */
export function getLoadedSession(request: FastifyRequest): Session {
  const session = loadedSessions.get(request);
  if (session === undefined) throw new Error(`${request.routeOptions.url} does not look up its session first`);
  return session;
}
