import { parseSha1Hex, type Sha1 } from '@partway/protocol/ids';
import { NewFileAttributes, NewVersionAttributes } from '@partway/protocol/schemas/files';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FileContext } from '../../files/context.ts';
import { type DirectUploadBody, uploadFile, uploadVersion } from '../../files/direct-upload.ts';
import { describeFile } from '../../files/find.ts';
import type { Published } from '../../files/publish.ts';
import { checkSpace } from '../../files/quota.ts';
import { checkVersion } from '../../files/versions.ts';
import { ApiError } from '../api-error.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { getView } from '../hooks/permissions.ts';
import { assertWithinRestriction, bearerPolicy } from '../hooks/scopes.ts';
import { parseFields } from '../render/fields.ts';
import { renderFile } from '../render/items.ts';
import { createValueParser, sendContinue, streamBodies } from '../request/bodies.ts';
import { FILE_CODES, parseContentDates, parseItemTraits, parseVersionTraits } from '../request/file-attributes.ts';
import { parseFileId, parseFolderIdValue } from '../request/ids.ts';
import { attributesTooLateError, type MultipartUpload, openMultipart } from '../request/multipart.ts';
import type { Services } from '../services.ts';

/** The maximum size of a multipart body without its file. */
const MAX_FORM_OVERHEAD = 256 * 1024;

/** POST /files/content and /files/:id/content: uploads a file in one request. */
export function serveContentUpload(scope: FastifyInstance, { auth, files }: Services): void {
  streamBodies(scope);
  const parseNew = createValueParser(NewFileAttributes, FILE_CODES, 'attributes');
  const parseVersion = createValueParser(NewVersionAttributes, FILE_CODES, 'attributes');

  scope.post(
    '/files/content',
    { config: bearerPolicy('upload', { restriction: 'in-handler' }) },
    async (request, reply) => {
      const published = await receiveUpload(files, request, async (upload) => {
        const attributes = parseNew(upload.attributes ?? throwTooLate());
        const folderId = parseFolderIdValue(request, attributes.parent.id);
        await assertWithinRestriction(auth, request, folderId);
        const place = { folderId, name: attributes.name, ...parseItemTraits(attributes) };
        return uploadFile(files, place, createUploadBody(request, upload, attributes));
      });
      return reply.code(201).send(await renderResponse(request, published));
    },
  );

  scope.post('/files/:file_id/content', { config: bearerPolicy('replace') }, async (request, reply) => {
    const fileId = parseFileId(request);
    const ifMatch = request.headers['if-match'];
    await checkVersion(files.db, getCaller(request).userId, fileId, { ...(ifMatch !== undefined && { ifMatch }) });
    const published = await receiveUpload(files, request, async (upload) => {
      const attributes = parseVersion(upload.attributes ?? {});
      const change = { ...parseVersionTraits(attributes), ...(ifMatch !== undefined && { ifMatch }) };
      return uploadVersion(files, fileId, change, createUploadBody(request, upload, attributes));
    });
    return reply.code(201).send(await renderResponse(request, published));
  });

  async function renderResponse(
    request: FastifyRequest,
    { fileId, versionId }: Published,
  ): Promise<Record<string, unknown>> {
    const entry = await describeFile(files.db, fileId, versionId);
    if (entry === undefined) throw new ApiError('not_found', 'The file was deleted after the upload.');
    return { total_count: 1, entries: [renderFile({ ...entry, ...getView(files, request) }, parseFields(request))] };
  }
}

/**
 * Reads the body up to the beginning of its file and passes it to `publish`. A body whose Content-Length is too large
 * is rejected before it is received.
 */
async function receiveUpload(
  { db, maxFileSize, userQuota, limits }: FileContext,
  request: FastifyRequest,
  publish: (upload: MultipartUpload) => Promise<Published>,
): Promise<Published> {
  const { min, max } = findAnnouncedSize(request) ?? { min: 0, max: 0 };
  if (min > maxFileSize) {
    throw new ApiError(
      'file_size_limit_exceeded',
      `The body has ${max} bytes; the maximum for a file is ${maxFileSize}.`,
    );
  }
  await checkSpace(db, getCaller(request).userId, min, userQuota, { maxItems: limits.items });
  findAnnouncedDigest(request);
  // Rejects a form without a boundary before the body is received.
  const opening = openMultipart(request.raw);
  sendContinue(request.raw);
  const upload = await opening;
  try {
    return await publish(upload);
  } finally {
    upload.dismiss();
  }
}

function createUploadBody(
  request: FastifyRequest,
  { file }: MultipartUpload,
  attributes: NewVersionAttributes,
): DirectUploadBody {
  return {
    caller: getCaller(request).userId,
    bytes: file,
    announced: findAnnouncedSize(request),
    sha1: findAnnouncedDigest(request),
    ...parseContentDates(attributes),
  };
}

/** Finds bounds of the file's size, from the Content-Length. Returns undefined if there is none. */
function findAnnouncedSize({ headers }: FastifyRequest): { min: number; max: number } | undefined {
  const length = headers['content-length'];
  if (length === undefined) return undefined;
  return { min: Math.max(0, Number(length) - MAX_FORM_OVERHEAD), max: Number(length) };
}

/** Parses `content-md5`, which in Box's API is the SHA-1 of the file in hex. Returns undefined if there is none. */
function findAnnouncedDigest(request: FastifyRequest): Sha1 | undefined {
  const header = request.headers['content-md5'];
  if (header === undefined || header === '') return undefined;
  const sha1 = typeof header === 'string' ? parseSha1Hex(header.trim()) : undefined;
  if (sha1 === undefined) throw new ApiError('bad_digest', 'The content-md5 header must be a SHA-1 of 40 hex digits.');
  return sha1;
}

function throwTooLate(): never {
  throw attributesTooLateError();
}
