import type { FastifyInstance, FastifyRequest } from 'fastify';
import { PromoteVersion, RestoreVersion } from '../api/schemas/files.ts';
import { findChangeable } from '../files/find-changeable.ts';
import { listVersions } from '../files/list-versions.ts';
import { type NamedVersion, needVersion } from '../files/need-version.ts';
import { promoteVersion } from '../files/promote-version.ts';
import { restoreVersion } from '../files/restore-version.ts';
import { trashVersion } from '../files/trash-version.ts';
import type { VersionRow } from '../sql/tables.ts';
import { bodyReader } from './bodies.ts';
import { fieldsOf } from './fields.ts';
import { fileIdOf, parseVersionId } from './item-ids.ts';
import { viewOf } from './may.ts';
import { offsetPageOf } from './offset-page.ts';
import { limitShown, withinBytes } from './page-bytes.ts';
import { callerOf } from './policy.ts';
import { renderVersions } from './render-version.ts';
import { bearer } from './scopes.ts';
import type { Services } from './services.ts';

/** /files/:id/versions (wire: "Endpoints"). */
export function serveVersions(scope: FastifyInstance, { files }: Services): void {
  const readPromotion = bodyReader(PromoteVersion);
  const readRestore = bodyReader(RestoreVersion);

  async function answer(request: FastifyRequest, version: VersionRow): Promise<Record<string, unknown> | undefined> {
    return (await renderVersions(files, [version], viewOf(request), fieldsOf(request)))[0];
  }

  scope.get('/files/:file_id/versions', { config: bearer('read') }, async (request) => {
    const page = offsetPageOf(request, { defaultLimit: 100 });
    const owner = callerOf(request).userId;
    const file = await findChangeable(files.db, { kind: 'file', owner, id: fileIdOf(request), ifMatch: undefined });
    const { versions, total } = await listVersions(files.db, file, page);
    const all = await renderVersions(files, versions, viewOf(request), fieldsOf(request));
    const entries = withinBytes(all, files.limits.listBytes, (version) => version);
    return {
      total_count: total,
      entries,
      offset: page.offset,
      limit: limitShown(entries, { ...page, total }),
      order: [{ by: 'version_number', direction: 'DESC' }],
    };
  });

  scope.get('/files/:file_id/versions/:version_id', { config: bearer('read') }, async (request) => {
    const { version } = await needVersion(files.db, named(request));
    return answer(request, version);
  });

  scope.post('/files/:file_id/versions/current', { config: bearer('change') }, async (request, reply) => {
    const { id } = readPromotion(request);
    const { caller, fileId, ifMatch } = { ...fileOf(request), ifMatch: request.headers['if-match'] };
    const versionId = await promoteVersion(files, { caller, fileId, ifMatch, versionId: parseVersionId(id) });
    const { version } = await needVersion(files.db, { caller, fileId, versionId });
    return reply.code(201).send(await answer(request, version));
  });

  scope.delete('/files/:file_id/versions/:version_id', { config: bearer('delete') }, async (request, reply) => {
    await trashVersion(files, { ...named(request), ifMatch: request.headers['if-match'] });
    return reply.code(204).send();
  });

  scope.put('/files/:file_id/versions/:version_id', { config: bearer('change') }, async (request) => {
    readRestore(request);
    return answer(request, await restoreVersion(files, named(request)));
  });
}

function named(request: FastifyRequest): NamedVersion {
  const { version_id: text } = request.params as { version_id: string };
  return { ...fileOf(request), versionId: parseVersionId(text) };
}

function fileOf(request: FastifyRequest): Pick<NamedVersion, 'caller' | 'fileId'> {
  return { caller: callerOf(request).userId, fileId: fileIdOf(request) };
}
