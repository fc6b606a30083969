import type { FastifyRequest } from 'fastify';
import type { Files } from '../../files/context.ts';
import { checkSpace } from '../../files/quota.ts';
import { callerOf } from '../hooks/authenticate.ts';

/** Refuses `storage_limit_exceeded` if the caller has no room for one item more. A promise of nothing. */
export function checkRoomForItem({ db, userQuota, limits }: Files, request: FastifyRequest): Promise<void> {
  return checkSpace(db, callerOf(request).userId, 0, userQuota, { items: 1, mostItems: limits.items });
}
