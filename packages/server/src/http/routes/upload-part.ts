import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptPart } from '../../uploads/accept-part.ts';
import type { PartBody } from '../../uploads/part-locks.ts';
import { createDisconnectSignal } from '../connections/disconnects.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { renderPart } from '../render/session.ts';
import { sendContinue, streamBodies } from '../request/bodies.ts';
import {
  checkContentLength,
  parseDigestHeader,
  parseRangeHeader,
  parseSessionIdParam,
} from '../request/part-headers.ts';
import type { Services } from '../services.ts';

/** PUT /files/upload_sessions/:id, the reference call: header syntax here, every rule in `acceptPart`. */
export function serveUploadPart(scope: FastifyInstance, { uploads }: Services): void {
  streamBodies(scope);
  scope.put('/files/upload_sessions/:session_id', { config: bearerPolicy('upload') }, async (request, reply) => {
    const session = parseSessionIdParam(request.params);
    const sha1 = parseDigestHeader(request.headers);
    const range = parseRangeHeader(request.headers);
    checkContentLength(request.headers, range);
    const caller = getCaller(request).userId;
    const accepted = await acceptPart(uploads, { caller, session, range, sha1, body: createPartBody(request, reply) });
    request.isWasted = !accepted.isNew;
    return { part: renderPart(accepted.part, accepted.session.staged.layout) };
  });
}

/** The body, which a client that waits for "100 Continue" is asked for when its first byte is wanted. */
function createPartBody(request: FastifyRequest, reply: FastifyReply): PartBody {
  const { raw } = request;
  return {
    signal: createDisconnectSignal(request, reply),
    destroy: (reason) => raw.destroy(reason),
    [Symbol.asyncIterator]: () => {
      sendContinue(raw);
      // Whoever stops reading early still wants to answer, so the connection is not torn down with the iterator.
      return raw.iterator({ destroyOnReturn: false });
    },
  };
}
