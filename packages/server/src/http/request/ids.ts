import { type ItemId, parseDecimalId, type VersionId } from '@partway/protocol/ids';
import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';
import { getCaller } from '../hooks/authenticate.ts';

/** The file that an address names. What cannot be an id is as unknown as an id that nobody has. */
export function parseFileId(request: FastifyRequest): ItemId {
  const { file_id: text } = request.params as { file_id: string };
  return parseItemId(text) ?? throwNotFound('file');
}

/** The folder that an address names. */
export function parseFolderId(request: FastifyRequest): ItemId {
  const { folder_id: text } = request.params as { folder_id: string };
  return parseFolderIdValue(request, text);
}

/** The folder that a body names: "0" is the caller's root. */
export function parseFolderIdValue(request: FastifyRequest, id: string | number): ItemId {
  const text = String(id);
  if (text === '0') return getCaller(request).rootId;
  return parseItemId(text) ?? throwNotFound('folder');
}

/** The version that the query names. */
export function parseVersionIdQuery(request: FastifyRequest): VersionId | undefined {
  const { version } = request.query as { version?: unknown };
  return version === undefined || version === '' ? undefined : parseVersionId(version);
}

/** What cannot be an id is as unknown as an id that nobody has. */
export function parseVersionId(text: unknown): VersionId {
  const id = typeof text === 'string' ? parseDecimalId(text) : undefined;
  if (id === undefined) throw new ApiError('not_found', 'The file has no such version.');
  return id as VersionId;
}

function parseItemId(text: string): ItemId | undefined {
  return parseDecimalId(text) as ItemId | undefined;
}

function throwNotFound(kind: string): never {
  throw new ApiError('not_found', `There is no ${kind} with this ID: IDs are numbers of at most 15 digits.`);
}
