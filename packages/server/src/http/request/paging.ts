import type { ItemId } from '@partway/protocol/ids';
import type { FastifyRequest } from 'fastify';
import type { PageCursor } from '../../files/paging.ts';
import { ApiError } from '../api-error.ts';
import { isSortBy } from './item-changes.ts';

/** Encodes a cursor as an opaque marker for clients. */
export function renderMarker({ by, direction, kind, key, id }: PageCursor): string {
  return Buffer.from(JSON.stringify([by, direction, kind, key, id])).toString('base64url');
}

/** Decodes a marker. Returns undefined for an empty one, which means the beginning. Throws `bad_request`. */
export function parseMarker(text: unknown): PageCursor | undefined {
  if (text === undefined || text === '') return undefined;
  const [by, direction, kind, key, id] = decodeMarker(text);
  if (
    isSortBy(by) &&
    (direction === 'asc' || direction === 'desc') &&
    (kind === 'file' || kind === 'folder') &&
    (by === 'name' ? typeof key === 'string' : Number.isSafeInteger(key)) &&
    Number.isSafeInteger(id)
  ) {
    return { by, direction, kind, key: key as string | number, id: id as ItemId };
  }
  throw new ApiError('bad_request', 'The marker is invalid. Start without a marker.');
}

function decodeMarker(text: unknown): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(String(text), 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

const MAX_OFFSET = 10_000;
const MAX_LIMIT = 1_000;

/** Parses `offset` and `limit` of a list. A limit above 1,000 is reduced to 1,000, and the response shows that. */
export function parseOffsetPage(
  request: FastifyRequest,
  { defaultLimit }: { defaultLimit: number },
): { offset: number; limit: number } {
  const query = request.query as Record<string, unknown>;
  const offset = parseInteger(query.offset) ?? 0;
  const limit = parseInteger(query.limit) ?? defaultLimit;
  if (Number.isNaN(offset) || offset > MAX_OFFSET) {
    throw new ApiError('invalid_offset', `offset must be an integer from 0 to ${MAX_OFFSET}.`);
  }
  if (Number.isNaN(limit) || limit < 1) {
    throw new ApiError('invalid_limit', `limit must be an integer from 1 to ${MAX_LIMIT}.`);
  }
  return { offset, limit: Math.min(limit, MAX_LIMIT) };
}

function parseInteger(text: unknown): number | undefined {
  if (text === undefined || text === '') return undefined;
  return typeof text === 'string' && /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
}

/** Whether a query parameter is `true`. Case-insensitive, because some clients send the spelling of their language. */
export function isTrue(value: unknown): boolean {
  return typeof value === 'string' && value.toLowerCase() === 'true';
}
