import { PromoteVersion, RestoreVersion } from '@partway/protocol/schemas/files';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { VersionRow } from '../../database/schema.ts';
import { getChangeable } from '../../files/get-item.ts';
import {
  getVersion,
  listVersions,
  promoteVersion,
  restoreVersion,
  trashVersion,
  type VersionRef,
} from '../../files/versions.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { getView } from '../hooks/permissions.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { parseFields } from '../render/fields.ts';
import { effectiveLimit, renderWithinBytes } from '../render/page-bytes.ts';
import { renderVersions } from '../render/version.ts';
import { createBodyParser } from '../request/bodies.ts';
import { parseFileId, parseVersionId } from '../request/ids.ts';
import { parseOffsetPage } from '../request/paging.ts';
import type { Services } from '../services.ts';

/** /files/:id/versions. */
export function serveVersions(scope: FastifyInstance, { files }: Services): void {
  const parsePromotion = createBodyParser(PromoteVersion);
  const parseRestore = createBodyParser(RestoreVersion);

  async function renderResponse(
    request: FastifyRequest,
    version: VersionRow,
  ): Promise<Record<string, unknown> | undefined> {
    return (await renderVersions(files, [version], getView(files, request), parseFields(request)))[0];
  }

  scope.get('/files/:file_id/versions', { config: bearerPolicy('read') }, async (request) => {
    const page = parseOffsetPage(request, { defaultLimit: 100 });
    const owner = getCaller(request).userId;
    const file = await getChangeable(files.db, { kind: 'file', owner, id: parseFileId(request), ifMatch: undefined });
    const { versions, total } = await listVersions(files.db, file, page);
    const rendered = await renderVersions(files, versions, getView(files, request), parseFields(request));
    const entries = renderWithinBytes(rendered, files.limits.listBytes, (version) => version);
    return {
      total_count: total,
      entries,
      offset: page.offset,
      limit: effectiveLimit(entries, { ...page, total }),
      order: [{ by: 'version_number', direction: 'DESC' }],
    };
  });

  scope.get('/files/:file_id/versions/:version_id', { config: bearerPolicy('read') }, async (request) => {
    const { version } = await getVersion(files.db, parseVersionRef(request));
    return renderResponse(request, version);
  });

  scope.post('/files/:file_id/versions/current', { config: bearerPolicy('change') }, async (request, reply) => {
    const { id } = parsePromotion(request);
    const { caller, fileId, ifMatch } = { ...parseFileRef(request), ifMatch: request.headers['if-match'] };
    const versionId = await promoteVersion(files, { caller, fileId, ifMatch, versionId: parseVersionId(id) });
    const { version } = await getVersion(files.db, { caller, fileId, versionId });
    return reply.code(201).send(await renderResponse(request, version));
  });

  scope.delete('/files/:file_id/versions/:version_id', { config: bearerPolicy('delete') }, async (request, reply) => {
    await trashVersion(files, { ...parseVersionRef(request), ifMatch: request.headers['if-match'] });
    return reply.code(204).send();
  });

  scope.put('/files/:file_id/versions/:version_id', { config: bearerPolicy('change') }, async (request) => {
    parseRestore(request);
    return renderResponse(request, await restoreVersion(files, parseVersionRef(request)));
  });
}

function parseVersionRef(request: FastifyRequest): VersionRef {
  const { version_id: text } = request.params as { version_id: string };
  return { ...parseFileRef(request), versionId: parseVersionId(text) };
}

function parseFileRef(request: FastifyRequest): Pick<VersionRef, 'caller' | 'fileId'> {
  return { caller: getCaller(request).userId, fileId: parseFileId(request) };
}
