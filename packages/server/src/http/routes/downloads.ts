import { Refusal } from '@partway/protocol/errors';
import { type ItemId, parseDecimalId, type VersionId } from '@partway/protocol/ids';
import type { FastifyInstance } from 'fastify';
import { findDownload } from '../../files/find-item.ts';
import { checkLock } from '../../files/locks.ts';
import { originOf } from '../addresses.ts';
import { callerOf } from '../hooks/authenticate.ts';
import { bearer } from '../hooks/scopes.ts';
import { fileIdOf, versionIdOf } from '../request/ids.ts';
import type { Services } from '../services.ts';
import { sendContent } from './send-content.ts';
import { checkSignature, type SignedVersion, signDownload } from './sign-download.ts';

/** GET /files/:id/content: a redirect to a signed address, or the bytes at once where the server is set so. */
export function serveContent(scope: FastifyInstance, { files, settings }: Services): void {
  scope.route({
    method: ['GET', 'HEAD'],
    url: '/files/:file_id/content',
    config: bearer('download', { tokenInQuery: true }),
    handler: async (request, reply) => {
      const owner = callerOf(request).userId;
      const download = await findDownload(files.db, {
        owner,
        fileId: fileIdOf(request),
        versionId: versionIdOf(request),
      });
      await checkLock(files.db, {
        fileId: download.file.id,
        caller: owner,
        now: files.clock.expiryTime(),
        to: 'download',
      });
      if (settings.downloads === 'direct') return sendContent(request, reply, files, download);
      const signed = { fileId: download.file.id, versionId: download.version.id };
      const path = signDownload(settings.signingKey, signed, files.clock.now());
      return reply.header('cache-control', 'no-store').redirect(originOf(request, settings.publicUrl) + path, 302);
    },
  });
}

/** The signed addresses. They lie outside the API's prefixes and need no token. */
export function serveDownloads(app: FastifyInstance, { files, settings }: Services): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/downloads/:file_id/:version_id',
    config: { policy: 'signed-url' },
    handler: async (request, reply) => {
      const signed = signedVersion(request.params as { file_id: string; version_id: string });
      checkSignature(settings.signingKey, signed, request.query as Record<string, unknown>, files.clock.now());
      const download = await findDownload(files.db, { owner: undefined, ...signed });
      return sendContent(request, reply, files, download);
    },
  });
}

function signedVersion(params: { file_id: string; version_id: string }): SignedVersion {
  const fileId = parseDecimalId(params.file_id);
  const versionId = parseDecimalId(params.version_id);
  if (fileId === undefined || versionId === undefined) throw new Refusal('not_found', 'There is no such download.');
  return { fileId: fileId as ItemId, versionId: versionId as VersionId };
}
