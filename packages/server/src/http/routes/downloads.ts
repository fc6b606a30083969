import { createHmac, timingSafeEqual } from 'node:crypto';
import { type ItemId, type Millis, parseDecimalId, type VersionId } from '@partway/protocol/ids';
import { create as contentDisposition } from 'content-disposition';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { lookup } from 'mime-types';
import type { VersionRow } from '../../database/schema.ts';
import { hasLaterVersionInSecond } from '../../files/blobs.ts';
import type { FileContext } from '../../files/context.ts';
import { type Download, getDownload } from '../../files/get-item.ts';
import { assertUnlocked } from '../../files/locks.ts';
import { type ByteRange, isFileStream } from '../../storage/blob-store.ts';
import { isStillGood } from '../../time/clock.ts';
import { getOrigin } from '../addresses.ts';
import { ApiError } from '../api-error.ts';
import { FileResponse } from '../connections/file-response.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { parseRange } from '../request/byte-range.ts';
import { parseFileId, parseVersionIdQuery } from '../request/ids.ts';
import { canSendRange, checkPreconditions, type Validators } from '../request/preconditions.ts';
import type { Services } from '../services.ts';

/** GET /files/:id/content: redirects to a signed URL or sends the bytes, depending on the setting. */
export function serveContent(scope: FastifyInstance, { files, settings }: Services): void {
  scope.route({
    method: ['GET', 'HEAD'],
    url: '/files/:file_id/content',
    config: bearerPolicy('download', { tokenInQuery: true }),
    handler: async (request, reply) => {
      const owner = getCaller(request).userId;
      const download = await getDownload(files.db, {
        owner,
        fileId: parseFileId(request),
        versionId: parseVersionIdQuery(request),
      });
      await assertUnlocked(files.db, {
        fileId: download.file.id,
        caller: owner,
        now: files.clock.expiryTime(),
        to: 'download',
      });
      if (settings.downloads === 'direct') return sendContent(request, reply, { files, settings }, download);
      const signed = { fileId: download.file.id, versionId: download.version.id };
      const path = signDownload(settings.signingKey, signed, files.clock.now());
      return reply.header('cache-control', 'no-store').redirect(getOrigin(request, settings.publicUrl) + path, 302);
    },
  });
}

/** Serves the signed URLs, which are outside the API's prefixes and require no token. */
export function serveDownloads(app: FastifyInstance, { files, settings }: Services): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/downloads/:file_id/:version_id',
    config: { policy: 'signed-url' },
    handler: async (request, reply) => {
      const signed = parseSignedVersion(request.params as { file_id: string; version_id: string });
      checkSignature(settings.signingKey, signed, request.query as Record<string, unknown>, files.clock.now());
      const download = await getDownload(files.db, { owner: undefined, ...signed });
      return sendContent(request, reply, { files, settings }, download);
    },
  });
}

function parseSignedVersion(params: { file_id: string; version_id: string }): SignedVersion {
  const fileId = parseDecimalId(params.file_id);
  const versionId = parseDecimalId(params.version_id);
  if (fileId === undefined || versionId === undefined) throw new ApiError('not_found', 'The download does not exist.');
  return { fileId: fileId as ItemId, versionId: versionId as VersionId };
}

/**
 * Sends the bytes of a version, or of one range (RFC 9110, sections 13 and 14). HEAD gets the same headers as GET. For
 * several ranges, the whole file is sent, which HTTP allows.
 */
async function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  { files: { db, blobs }, settings }: Pick<Services, 'files' | 'settings'>,
  { file, version }: Download,
): Promise<FastifyReply> {
  const state = createValidators(db, version);
  const commonHeaders = {
    etag: `"${state.etag}"`,
    'last-modified': new Date(state.modifiedAt).toUTCString(),
    'accept-ranges': 'bytes',
    'cache-control': 'private',
    'x-content-type-options': 'nosniff',
  };
  const outcome = await checkPreconditions(request.headers, state);
  if (outcome === 'not-modified') return reply.code(304).headers(commonHeaders).send();
  if (outcome === 'failed') {
    throw new ApiError(
      'precondition_failed',
      'The file has changed since the state in the request. Start the download from the beginning.',
    );
  }

  const range = await parseRequestedRange(request, version.size, state);
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${version.size}`);
    throw new ApiError(
      'range_not_satisfiable',
      `The range is beyond the end of the file, which has ${version.size} bytes.`,
    );
  }
  const length = range === undefined ? version.size : range.last - range.first + 1;
  const headers = {
    ...commonHeaders,
    'content-type': lookup(file.name) || 'application/octet-stream',
    'content-length': length,
    'content-disposition': contentDisposition(file.name),
  };
  // Opened before any header is set, because the response is an error if the blob cannot be read.
  const bytes = request.method === 'HEAD' ? undefined : await blobs.read(version.blob_id, range);
  if (range !== undefined) {
    reply.code(206).header('content-range', `bytes ${range.first}-${range.last}/${version.size}`);
  }
  reply.headers(headers);
  // Fastify destroys the stream if the client disconnects.
  if (bytes === undefined || !isFileStream(bytes)) return reply.send(bytes);
  return reply.send(new FileResponse(bytes, { length, canHandOver: settings.handover.isOn }));
}

function createValidators(db: FileContext['db'], version: VersionRow): Validators {
  return {
    etag: version.sha1,
    modifiedAt: Math.floor(version.created_at / 1000) * 1000,
    isDateStrong: async () => !(await hasLaterVersionInSecond(db, version)),
  };
}

async function parseRequestedRange(
  { headers }: FastifyRequest,
  size: number,
  state: Validators,
): Promise<ByteRange | 'unsatisfiable' | undefined> {
  if (headers.range === undefined || !(await canSendRange(headers, state))) return undefined;
  return parseRange(headers.range, size);
}

/** Lifetime of a signed URL: long enough to follow the redirect, too short to share. Downloads in progress continue. */
const SIGNATURE_LIFETIME: Millis = 5 * 60 * 1000;

interface SignedVersion {
  fileId: ItemId;
  versionId: VersionId;
}

/** Creates a path and query that give read access to this version, without a token, for a few minutes. */
function signDownload(key: Buffer, { fileId, versionId }: SignedVersion, now: Millis): string {
  const expires = Math.floor((now + SIGNATURE_LIFETIME) / 1000);
  const signature = sign(key, { fileId, versionId }, expires).toString('base64url');
  return `/downloads/${fileId}/${versionId}?expires=${expires}&signature=${signature}`;
}

/** Throws `forbidden` if the signature is wrong or has expired. */
function checkSignature(
  key: Buffer,
  signed: SignedVersion,
  { expires, signature }: { expires?: unknown; signature?: unknown },
  now: Millis,
): void {
  const actual = Buffer.from(String(signature), 'base64url');
  const expected = sign(key, signed, Number(expires));
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) {
    throw new ApiError('forbidden', 'The signature of this download URL is invalid.');
  }
  if (!isStillGood(Number(expires) * 1000 + 1, SIGNATURE_LIFETIME, now)) {
    throw new ApiError('forbidden', 'This download URL has expired. Request the file again.');
  }
}

function sign(key: Buffer, { fileId, versionId }: SignedVersion, expires: number): Buffer {
  return createHmac('sha256', key).update(`download ${fileId} ${versionId} ${expires}`).digest();
}
