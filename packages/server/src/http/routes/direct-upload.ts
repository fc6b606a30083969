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

/** What a multipart body may have beside its file, at the very most. */
const MAX_FORM_OVERHEAD = 256 * 1024;

/** POST /files/content and /files/:id/content: a file in one piece. */
export function serveContentUpload(scope: FastifyInstance, { auth, files }: Services): void {
  streamBodies(scope);
  const readNew = createValueParser(NewFileAttributes, FILE_CODES, 'attributes');
  const readVersion = createValueParser(NewVersionAttributes, FILE_CODES, 'attributes');

  scope.post('/files/content', { config: bearerPolicy('upload', { reach: 'in-handler' }) }, async (request, reply) => {
    const made = await receiveUpload(files, request, async (upload) => {
      const attributes = readNew(upload.attributes ?? throwTooLate());
      const folderId = parseFolderIdValue(request, attributes.parent.id);
      await assertWithinRestriction(auth, request, folderId);
      const place = { folderId, name: attributes.name, ...parseItemTraits(attributes) };
      return uploadFile(files, place, createUploadBody(request, upload, attributes));
    });
    return reply.code(201).send(await rendered(request, made));
  });

  scope.post('/files/:file_id/content', { config: bearerPolicy('replace') }, async (request, reply) => {
    const fileId = parseFileId(request);
    const ifMatch = request.headers['if-match'];
    await checkVersion(files.db, getCaller(request).userId, fileId, { ...(ifMatch !== undefined && { ifMatch }) });
    const made = await receiveUpload(files, request, async (upload) => {
      const attributes = readVersion(upload.attributes ?? {});
      const change = { ...parseVersionTraits(attributes), ...(ifMatch !== undefined && { ifMatch }) };
      return uploadVersion(files, fileId, change, createUploadBody(request, upload, attributes));
    });
    return reply.code(201).send(await rendered(request, made));
  });

  async function rendered(request: FastifyRequest, { fileId, versionId }: Published): Promise<Record<string, unknown>> {
    const entry = await describeFile(files.db, fileId, versionId);
    if (entry === undefined) throw new ApiError('not_found', 'The file was deleted after this upload made it.');
    return { total_count: 1, entries: [renderFile({ ...entry, ...getView(request) }, parseFields(request))] };
  }
}

/** Asks for the body and hands it over, read up to its file. Refuses before that what is announced as too large. */
async function receiveUpload(
  { db, maxFileSize, userQuota, limits }: FileContext,
  request: FastifyRequest,
  take: (upload: MultipartUpload) => Promise<Published>,
): Promise<Published> {
  const { min, max } = findAnnouncedSize(request) ?? { min: 0, max: 0 };
  if (min > maxFileSize) {
    throw new ApiError('file_size_limit_exceeded', `A file may have ${maxFileSize} bytes; this body has ${max}.`);
  }
  await checkSpace(db, getCaller(request).userId, min, userQuota, { maxItems: limits.items });
  findAnnouncedDigest(request);
  // Refuses a form without a boundary before the body is asked for.
  const opening = openMultipart(request.raw);
  sendContinue(request.raw);
  const upload = await opening;
  try {
    return await take(upload);
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

/** Between which sizes the file is, by the length of its request; undefined if that says nothing. */
function findAnnouncedSize({ headers }: FastifyRequest): { min: number; max: number } | undefined {
  const length = headers['content-length'];
  if (length === undefined) return undefined;
  return { min: Math.max(0, Number(length) - MAX_FORM_OVERHEAD), max: Number(length) };
}

/** `content-md5`, which for Box is the SHA-1 of the file in hex. */
function findAnnouncedDigest(request: FastifyRequest): Sha1 | undefined {
  const header = request.headers['content-md5'];
  if (header === undefined || header === '') return undefined;
  const sha1 = typeof header === 'string' ? parseSha1Hex(header.trim()) : undefined;
  if (sha1 === undefined) throw new ApiError('bad_digest', 'The content-md5 header must be a SHA-1, as 40 hex digits.');
  return sha1;
}

function throwTooLate(): never {
  throw attributesTooLateError();
}
