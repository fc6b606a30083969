import { PreflightFile, PreflightVersion } from '@partway/protocol/schemas/files';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { checkPlace } from '../../files/check-place.ts';
import type { FileContext } from '../../files/context.ts';
import { assertValidName } from '../../files/names.ts';
import { checkSize, checkSpace } from '../../files/quota.ts';
import { checkVersion } from '../../files/versions.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { createBodyParser } from '../request/bodies.ts';
import { FILE_CODES } from '../request/file-attributes.ts';
import { parseFileId, parseFolderIdValue } from '../request/ids.ts';
import type { Services } from '../services.ts';

/** OPTIONS /files/content and /files/:id/content: checks whether an upload would succeed now, and reserves nothing. */
export function servePreflight(scope: FastifyInstance, { files }: Services): void {
  const parseNewFile = createBodyParser(PreflightFile, FILE_CODES);
  const parseNewVersion = createBodyParser(PreflightVersion, FILE_CODES);

  scope.options('/files/content', { config: bearerPolicy('upload') }, async (request) => {
    const { name, parent, size } = parseNewFile(request);
    assertValidName(name);
    checkSize(files, size ?? 0);
    const folderId = parseFolderIdValue(request, parent.id);
    const owner = getCaller(request).userId;
    await checkPlace(files.db, { owner, folderId, name });
    await checkSpace(files.db, owner, size ?? 0, files.userQuota, { maxItems: files.limits.items });
    return { upload_url: `${request.apiBase}/files/content`, upload_token: null };
  });

  scope.options('/files/:file_id/content', { config: bearerPolicy('replace') }, async (request) => {
    const { name, size } = parseNewVersion(request);
    const fileId = parseFileId(request);
    checkSize(files, size ?? 0);
    const owner = getCaller(request).userId;
    await checkVersion(files.db, owner, fileId, {
      ...(name != null && { name }),
      ...(request.headers['if-match'] !== undefined && { ifMatch: request.headers['if-match'] }),
    });
    await checkSpace(files.db, owner, size ?? 0, files.userQuota, { maxItems: files.limits.items });
    return { upload_url: `${request.apiBase}/files/${fileId}/content`, upload_token: null };
  });
}

/** Throws `quota-exceeded` if the caller cannot have one more item. Reserves nothing. */
export function checkItemQuota({ db, userQuota, limits }: FileContext, request: FastifyRequest): Promise<void> {
  return checkSpace(db, getCaller(request).userId, 0, userQuota, { items: 1, maxItems: limits.items });
}
