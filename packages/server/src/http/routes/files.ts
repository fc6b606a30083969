import type { ItemId } from '@partway/protocol/ids';
import { CopyFile, UpdateFile } from '@partway/protocol/schemas/files';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { copyFile } from '../../files/copy/copy-file.ts';
import { getFile } from '../../files/find.ts';
import type { LockRequest } from '../../files/locks.ts';
import { trashFile } from '../../files/trash.ts';
import { updateFile } from '../../files/update-item.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { renderFileResponse } from '../render/answers.ts';
import { parseDate } from '../render/dates.ts';
import { createBodyParser } from '../request/bodies.ts';
import { FILE_CODES, parseContentDates } from '../request/file-attributes.ts';
import { parseFileId, parseVersionId } from '../request/ids.ts';
import { parseItemChange, parsePlace } from '../request/item-changes.ts';
import { isUnmodified, sendNotModified } from '../request/preconditions.ts';
import type { Services } from '../services.ts';
import { checkItemQuota } from './preflight.ts';

/** /files/:id, except for downloads, versions and the trash. */
export function serveFiles(scope: FastifyInstance, { files }: Services): void {
  const parseUpdate = createBodyParser(UpdateFile, FILE_CODES);
  const parseCopy = createBodyParser(CopyFile, FILE_CODES);

  async function renderResponse(request: FastifyRequest, fileId: ItemId): Promise<Record<string, unknown>> {
    return renderFileResponse(files, request, await getFile(files, getCaller(request).userId, fileId));
  }

  scope.get('/files/:file_id', { config: bearerPolicy('read') }, async (request, reply) => {
    const entry = await getFile(files, getCaller(request).userId, parseFileId(request));
    if (isUnmodified(request, entry.item)) return sendNotModified(reply);
    return renderFileResponse(files, request, entry);
  });

  const precheckUpdate = (request: FastifyRequest) => {
    parseItemChange(request, parseUpdate(request));
  };
  const precheckCopy = async (request: FastifyRequest) => {
    parsePlace(request, parseCopy(request));
    await checkItemQuota(files, request);
  };

  scope.put('/files/:file_id', { config: { ...bearerPolicy('rename'), precheck: precheckUpdate } }, async (request) => {
    const caller = getCaller(request).userId;
    const fileId = parseFileId(request);
    const body = parseUpdate(request);
    const lock = parseLock(body.lock);
    const change = {
      ...parseItemChange(request, body),
      ...parseContentDates(body),
      ...(lock !== undefined && { lock }),
    };
    await updateFile(files, { caller, fileId, ifMatch: request.headers['if-match'], change });
    return renderResponse(request, fileId);
  });

  scope.post(
    '/files/:file_id/copy',
    { config: { ...bearerPolicy('change'), precheck: precheckCopy } },
    async (request, reply) => {
      const body = parseCopy(request);
      const versionId = body.version == null ? undefined : parseVersionId(body.version);
      const to = parsePlace(request, body);
      const caller = getCaller(request).userId;
      const copy = await copyFile(files, { caller, fileId: parseFileId(request), versionId, to });
      return reply.code(201).send(await renderResponse(request, copy));
    },
  );

  scope.delete('/files/:file_id', { config: bearerPolicy('delete') }, async (request, reply) => {
    const caller = getCaller(request).userId;
    await trashFile(files, { caller, fileId: parseFileId(request), ifMatch: request.headers['if-match'] });
    return reply.code(204).send();
  });
}

/** Parses a lock. Null unlocks the file, and undefined means no change. */
function parseLock(
  lock: { expires_at?: string | null; is_download_prevented?: boolean | null } | null | undefined,
): LockRequest | null | undefined {
  if (lock == null) return lock;
  const { expires_at: expires, is_download_prevented: prevented } = lock;
  return {
    expiresAt: parseDate('lock.expires_at', expires) ?? null,
    isDownloadPrevented: prevented ?? false,
  };
}
