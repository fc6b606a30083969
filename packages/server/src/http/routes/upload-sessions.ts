import { parseSha1Hex } from '@partway/protocol/ids';
import {
  CommitSession,
  CreateSession,
  CreateVersionSession,
  PlanUpload,
} from '@partway/protocol/schemas/upload-sessions';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { describeFile } from '../../files/find.ts';
import type { ListedPart } from '../../uploads/check-listed-parts.ts';
import { commit } from '../../uploads/commit.ts';
import { checkUploadLimits, createSession } from '../../uploads/create-session.ts';
import { abortSession } from '../../uploads/end-session.ts';
import { partForRange } from '../../uploads/part-layout.ts';
import { readParts, readSession } from '../../uploads/read-session.ts';
import { ApiError } from '../api-error.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { getView } from '../hooks/permissions.ts';
import type { RateLimiter } from '../hooks/rate-limiter.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { getLoadedSession, loadOwnSession } from '../hooks/session-owner.ts';
import { parseFields } from '../render/fields.ts';
import { renderFile } from '../render/items.ts';
import { renderPart, renderSession } from '../render/session.ts';
import { createBodyParser, type FieldCodes } from '../request/bodies.ts';
import { parseFileTraits } from '../request/file-attributes.ts';
import { parseFileId, parseFolderIdValue } from '../request/ids.ts';
import { parseOffsetPage } from '../request/paging.ts';
import { parseDigestHeader, parseSessionIdParam } from '../request/part-headers.ts';
import type { Services } from '../services.ts';
import { serveSessionList } from './list-sessions.ts';
import { serveLogEvents } from './log-events.ts';
import { serveUploadPart } from './upload-part.ts';

/** Enough for a commit with 10,000 parts. */
const COMMIT_BODY_LIMIT = 4 * 1024 * 1024;

const CREATE_CODES: FieldCodes = {
  '/folder_id': { missing: 'missing_destination', invalid: 'invalid_folder_id' },
  '/file_size': { missing: 'missing_file_size', invalid: 'invalid_file_size' },
  '/file_name': { missing: 'missing_file_name', invalid: 'item_name_invalid' },
};

/** Serves all endpoints of chunked uploads. */
export async function serveUploads(scope: FastifyInstance, services: Services, rates: RateLimiter): Promise<void> {
  await scope.register(async (parts) => serveUploadPart(parts, services));
  serveCreate(scope, services);
  serveSessionList(scope, services);
  serveStatus(scope, services);
  servePlan(scope, services);
  serveCommit(scope, services);
  serveAbort(scope, services);
  serveLogEvents(scope, services, rates);
}

function serveCreate(scope: FastifyInstance, { uploads }: Services): void {
  const parseNewFile = createBodyParser(CreateSession, CREATE_CODES);
  const parseNewVersion = createBodyParser(CreateVersionSession, CREATE_CODES);

  const checkLimits = (request: FastifyRequest, { file_size: fileSize }: { file_size: number }) =>
    checkUploadLimits(uploads, { caller: getCaller(request).userId, fileSize });
  const precheckFile = { precheck: (request: FastifyRequest) => checkLimits(request, parseNewFile(request)) };
  const precheckVersion = { precheck: (request: FastifyRequest) => checkLimits(request, parseNewVersion(request)) };

  scope.post(
    '/files/upload_sessions',
    { config: { ...bearerPolicy('upload'), ...precheckFile } },
    async (request, reply) => {
      const body = parseNewFile(request);
      const session = await createSession(uploads, {
        caller: getCaller(request).userId,
        fileSize: body.file_size,
        folderId: parseFolderIdValue(request, body.folder_id),
        name: body.file_name,
      });
      return reply.code(201).send(renderSession(session, 0, request.apiBase));
    },
  );

  scope.post(
    '/files/:file_id/upload_sessions',
    { config: { ...bearerPolicy('replace'), ...precheckVersion } },
    async (request, reply) => {
      const body = parseNewVersion(request);
      const session = await createSession(uploads, {
        caller: getCaller(request).userId,
        fileSize: body.file_size,
        fileId: parseFileId(request),
        name: body.file_name ?? undefined,
      });
      return reply.code(201).send(renderSession(session, 0, request.apiBase));
    },
  );
}

function serveStatus(scope: FastifyInstance, { uploads }: Services): void {
  scope.get('/files/upload_sessions/:session_id', { config: bearerPolicy('upload') }, async (request) => {
    const { session, stored } = await readSession(
      uploads,
      getCaller(request).userId,
      parseSessionIdParam(request.params),
    );
    return renderSession(session, stored, request.apiBase);
  });

  scope.get('/files/upload_sessions/:session_id/parts', { config: bearerPolicy('upload') }, async (request) => {
    const id = parseSessionIdParam(request.params);
    const page = parseOffsetPage(request, { defaultLimit: 1000 });
    const { session, parts, stored } = await readParts(uploads, getCaller(request).userId, id, page);
    return {
      entries: parts.map((part) => renderPart(part, session.staged.layout)),
      offset: page.offset,
      limit: page.limit,
      total_count: stored,
      order: [{ by: 'offset', direction: 'ASC' }],
    };
  });
}

function serveCommit(scope: FastifyInstance, { uploads, files, settings }: Services): void {
  const parseBody = createBodyParser(CommitSession);
  const options = {
    config: bearerPolicy('upload'),
    bodyLimit: COMMIT_BODY_LIMIT,
    onRequest: [loadOwnSession(uploads), async ({ headers }: FastifyRequest) => void parseDigestHeader(headers)],
  };
  scope.post('/files/upload_sessions/:session_id/commit', options, async (request, reply) => {
    const session = parseSessionIdParam(request.params);
    const sha1 = parseDigestHeader(request.headers);
    const body = parseBody(request);
    const committed = await commit(uploads, {
      caller: getCaller(request).userId,
      session,
      sha1,
      parts: body.parts.map(parseListedPart),
      attributes: parseFileTraits(body.attributes ?? {}),
      ifMatch: request.headers['if-match'],
      ifNoneMatch: request.headers['if-none-match'],
      timeout: settings.commitHoldMillis,
    });
    if (committed === undefined) return reply.code(202).header('retry-after', 5).send();
    const file = await describeFile(files.db, committed.fileId, committed.versionId);
    if (file === undefined) throw new ApiError('not_found', 'The file was deleted after the upload.');
    return reply
      .code(201)
      .send({ total_count: 1, entries: [renderFile({ ...file, ...getView(files, request) }, parseFields(request))] });
  });
}

function serveAbort(scope: FastifyInstance, { uploads }: Services): void {
  scope.delete('/files/upload_sessions/:session_id', { config: bearerPolicy('upload') }, async (request, reply) => {
    await abortSession(uploads, getCaller(request).userId, parseSessionIdParam(request.params));
    return reply.code(204).send();
  });
}

function parseListedPart(part: {
  part_id: string;
  offset?: number | null;
  size?: number | null;
  sha1?: string | null;
}): ListedPart {
  const { part_id: partId, offset, size, sha1 } = part;
  const parsed = sha1 == null ? undefined : parseSha1Hex(sha1);
  if (sha1 != null && parsed === undefined) {
    throw new ApiError('bad_request', `The sha1 of part ${partId} must be 40 hex digits.`);
  }
  return { partId, offset: offset ?? undefined, size: size ?? undefined, sha1: parsed };
}

/** Enough for a plan with 10,000 parts. */
const PLAN_BODY_LIMIT = 4 * 1024 * 1024;

/**
 * POST /files/upload_sessions/:id/plan: tells which parts do not have to be uploaded, because their owner has stored
 * the same bytes before. Partway stores no SHA-512 of parts, so the response always requests all parts.
 */
function servePlan(scope: FastifyInstance, { uploads }: Services): void {
  const parseBody = createBodyParser(PlanUpload);
  const options = { config: bearerPolicy('upload'), bodyLimit: PLAN_BODY_LIMIT, onRequest: loadOwnSession(uploads) };
  scope.post('/files/upload_sessions/:session_id/plan', options, async (request) => {
    const { parts } = parseBody(request);
    const { id, staged } = getLoadedSession(request);
    const total = staged.layout.fileSize;
    for (const { offset, size } of parts)
      partForRange(staged.layout, { first: offset, last: offset + size - 1, total });
    return {
      upload_session_id: id,
      hits: [],
      misses: parts.map(({ offset, size, sha512 }) => ({ offset, size, sha512 })),
    };
  });
}
