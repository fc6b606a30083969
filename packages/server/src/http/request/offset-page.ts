import { Refusal } from '@partway/protocol/errors';
import type { FastifyRequest } from 'fastify';

const MOST_OFFSET = 10_000;
const MOST_LIMIT = 1_000;

/** `offset` and `limit` of a list. A limit above 1,000 counts as 1,000, and the answer says so. */
export function offsetPageOf(
  request: FastifyRequest,
  { defaultLimit }: { defaultLimit: number },
): { offset: number; limit: number } {
  const query = request.query as Record<string, unknown>;
  const offset = wholeNumber(query.offset) ?? 0;
  const limit = wholeNumber(query.limit) ?? defaultLimit;
  if (Number.isNaN(offset) || offset > MOST_OFFSET) {
    throw new Refusal('invalid_offset', `offset is a whole number from 0 to ${MOST_OFFSET}.`);
  }
  if (Number.isNaN(limit) || limit < 1)
    throw new Refusal('invalid_limit', `limit is a whole number from 1 to ${MOST_LIMIT}.`);
  return { offset, limit: Math.min(limit, MOST_LIMIT) };
}

function wholeNumber(text: unknown): number | undefined {
  if (text === undefined || text === '') return undefined;
  return typeof text === 'string' && /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
}
