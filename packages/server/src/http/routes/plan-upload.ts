import { PlanUpload } from '@partway/protocol/schemas/upload-sessions';
import type { FastifyInstance } from 'fastify';
import { slotOf } from '../../uploads/part-layout.ts';
import { bearer } from '../hooks/scopes.ts';
import { ownSessionFirst, ownSessionOf } from '../hooks/session-owner.ts';
import { bodyReader } from '../request/bodies.ts';
import type { Services } from '../services.ts';

/** A plan that names 10,000 parts, generously. */
const PLAN_BODY_LIMIT = 4 * 1024 * 1024;

/**
 * POST /files/upload_sessions/:id/plan: which parts need no upload, since their owner has stored the same bytes before.
 * Partway keeps no SHA-512 of parts, so none is ever known: every part is a miss, and is uploaded.
 */
export function servePlan(scope: FastifyInstance, { uploads }: Services): void {
  const readBody = bodyReader(PlanUpload);
  const options = { config: bearer('upload'), bodyLimit: PLAN_BODY_LIMIT, onRequest: ownSessionFirst(uploads) };
  scope.post('/files/upload_sessions/:session_id/plan', options, async (request) => {
    const { parts } = readBody(request);
    const { id, staging } = ownSessionOf(request);
    const total = staging.grid.fileSize;
    for (const { offset, size } of parts) slotOf(staging.grid, { first: offset, last: offset + size - 1, total });
    return {
      upload_session_id: id,
      hits: [],
      misses: parts.map(({ offset, size, sha512 }) => ({ offset, size, sha512 })),
    };
  });
}
