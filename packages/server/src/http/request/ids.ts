import { type ItemId, parseDecimalId, type VersionId } from '@partway/protocol/ids';
import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';
import { getCaller } from '../hooks/authenticate.ts';

// An invalid ID gets the same error as one that does not exist.

/** Parses the file ID in the path. Throws `not_found`. */
export function parseFileId(request: FastifyRequest): ItemId {
  const { file_id: text } = request.params as { file_id: string };
  return parseItemId(text) ?? throwNotFound('file');
}

/** Parses the folder ID in the path. Throws `not_found`. */
export function parseFolderId(request: FastifyRequest): ItemId {
  const { folder_id: text } = request.params as { folder_id: string };
  return parseFolderIdValue(request, text);
}

/** Parses a folder ID; "0" is the caller's root folder. Throws `not_found`. */
export function parseFolderIdValue(request: FastifyRequest, id: string | number): ItemId {
  const text = String(id);
  if (text === '0') return getCaller(request).rootId;
  return parseItemId(text) ?? throwNotFound('folder');
}

/** Parses the `version` query parameter. Returns undefined for the current version. Throws `not_found`. */
export function parseVersionIdQuery(request: FastifyRequest): VersionId | undefined {
  const { version } = request.query as { version?: unknown };
  return version === undefined || version === '' ? undefined : parseVersionId(version);
}

/** Parses a version ID. Throws `not_found`. */
export function parseVersionId(text: unknown): VersionId {
  const id = typeof text === 'string' ? parseDecimalId(text) : undefined;
  if (id === undefined) throw new ApiError('not_found', 'The version does not exist.');
  return id as VersionId;
}

function parseItemId(text: string): ItemId | undefined {
  return parseDecimalId(text) as ItemId | undefined;
}

function throwNotFound(kind: string): never {
  throw new ApiError('not_found', `The ${kind} does not exist. IDs are numbers of at most 15 digits.`);
}
