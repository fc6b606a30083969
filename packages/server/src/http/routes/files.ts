import type { ItemId } from '@partway/protocol/ids';
import { CopyFile, UpdateFile } from '@partway/protocol/schemas/files';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { copyFile } from '../../files/copy/copy-file.ts';
import { readFile } from '../../files/find.ts';
import type { LockRequest } from '../../files/locks.ts';
import { trashFile } from '../../files/trash.ts';
import { updateFile } from '../../files/update-item.ts';
import { callerOf } from '../hooks/authenticate.ts';
import { bearer } from '../hooks/scopes.ts';
import { answerFile } from '../render/answers.ts';
import { dateOf } from '../render/dates.ts';
import { bodyReader } from '../request/bodies.ts';
import { contentDatesOf, FILE_CODES } from '../request/file-attributes.ts';
import { fileIdOf, parseVersionId } from '../request/ids.ts';
import { itemChangeOf, placeOf } from '../request/item-changes.ts';
import { hasAlready, notModified } from '../request/preconditions.ts';
import type { Services } from '../services.ts';
import { checkRoomForItem } from './preflight.ts';

/** /files/:id, but for its content and its versions (wire: "Endpoints"). */
export function serveFiles(scope: FastifyInstance, { files }: Services): void {
  const readUpdate = bodyReader(UpdateFile, FILE_CODES);
  const readCopy = bodyReader(CopyFile, FILE_CODES);

  async function answer(request: FastifyRequest, fileId: ItemId): Promise<Record<string, unknown>> {
    return answerFile(files, request, await readFile(files, callerOf(request).userId, fileId));
  }

  scope.get('/files/:file_id', { config: bearer('read') }, async (request, reply) => {
    const entry = await readFile(files, callerOf(request).userId, fileIdOf(request));
    if (hasAlready(request, entry.item)) return notModified(reply);
    return answerFile(files, request, entry);
  });

  const earlyUpdate = (request: FastifyRequest) => {
    itemChangeOf(request, readUpdate(request));
  };
  const earlyCopy = async (request: FastifyRequest) => {
    placeOf(request, readCopy(request));
    await checkRoomForItem(files, request);
  };

  scope.put('/files/:file_id', { config: { ...bearer('rename'), early: earlyUpdate } }, async (request) => {
    const caller = callerOf(request).userId;
    const fileId = fileIdOf(request);
    const body = readUpdate(request);
    const lock = lockOf(body.lock);
    const change = {
      ...itemChangeOf(request, body),
      ...contentDatesOf(body),
      ...(lock !== undefined && { lock }),
    };
    await updateFile(files, { caller, fileId, ifMatch: request.headers['if-match'], change });
    return answer(request, fileId);
  });

  scope.post('/files/:file_id/copy', { config: { ...bearer('change'), early: earlyCopy } }, async (request, reply) => {
    const body = readCopy(request);
    const versionId = body.version == null ? undefined : parseVersionId(body.version);
    const to = placeOf(request, body);
    const caller = callerOf(request).userId;
    const copy = await copyFile(files, { caller, fileId: fileIdOf(request), versionId, to });
    return reply.code(201).send(await answer(request, copy));
  });

  scope.delete('/files/:file_id', { config: bearer('delete') }, async (request, reply) => {
    const caller = callerOf(request).userId;
    await trashFile(files, { caller, fileId: fileIdOf(request), ifMatch: request.headers['if-match'] });
    return reply.code(204).send();
  });
}

/** The lock that a body asks for; null takes it away, and what is left out changes nothing. */
function lockOf(
  lock: { expires_at?: string | null; is_download_prevented?: boolean | null } | null | undefined,
): LockRequest | null | undefined {
  if (lock == null) return lock;
  const { expires_at: expires, is_download_prevented: prevented } = lock;
  return {
    expiresAt: dateOf('lock.expires_at', expires) ?? null,
    isDownloadPrevented: prevented ?? false,
  };
}
