import { parseSessionId, type SessionId } from '@partway/protocol/ids';
import type { ListedUploadSession, UploadSessions } from '@partway/protocol/schemas/upload-sessions';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ListedSession, listSessions } from '../../uploads/read-session.ts';
import { ApiError } from '../api-error.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { wireDate } from '../render/dates.ts';
import { renderSession } from '../render/session.ts';
import { parseOffsetPage } from '../request/paging.ts';
import type { Services } from '../services.ts';

/** Lower than for other lists, because the stored parts of each session are counted. */
const MAX_LISTED = 100;

/**
 * GET /files/upload_sessions: lists the caller's uploads in progress. Box has no such endpoint; without it, an upload
 * whose session ID was lost cannot be resumed (docs/decisions/0081-add-an-endpoint-that-lists-uploads-in-progress.md).
 */
export function serveSessionList(scope: FastifyInstance, { uploads }: Services): void {
  scope.get('/files/upload_sessions', { config: bearerPolicy('upload') }, async (request): Promise<UploadSessions> => {
    const { rootId, userId } = getCaller(request);
    const limit = Math.min(parseOffsetPage(request, { defaultLimit: 100 }).limit, MAX_LISTED);
    // One more than requested, to know whether there is a next page.
    const sessions = await listSessions(uploads, userId, { after: parseMarker(request), limit: limit + 1 });
    const page = sessions.slice(0, limit);
    const last = sessions.length > limit ? page.at(-1) : undefined;
    const base = request.apiBase;
    return {
      entries: page.map((listed) => renderListedSession(listed, rootId, base)),
      limit,
      ...(last !== undefined && { next_marker: last.session.id }),
    };
  });
}

function renderListedSession(
  { session, stored, createdAt }: ListedSession,
  rootId: number,
  apiBase: string,
): ListedUploadSession {
  const { target, staged } = session;
  return {
    ...renderSession(session, stored, apiBase),
    file_name: target.name ?? null,
    file_size: staged.layout.fileSize,
    file_id: target.kind === 'version' ? String(target.fileId) : null,
    folder_id: target.folderId === rootId ? '0' : String(target.folderId),
    created_at: wireDate(createdAt),
  };
}

function parseMarker(request: FastifyRequest): SessionId | undefined {
  const { marker } = request.query as { marker?: unknown };
  if (marker === undefined || marker === '') return undefined;
  const id = typeof marker === 'string' ? parseSessionId(marker) : undefined;
  if (id !== undefined) return id;
  throw new ApiError('bad_request', 'The marker is invalid. Start without a marker.');
}
