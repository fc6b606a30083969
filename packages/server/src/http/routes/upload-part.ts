import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptPart } from '../../uploads/accept-part.ts';
import type { PartBody } from '../../uploads/part-locks.ts';
import { createDisconnectSignal } from '../connections/disconnects.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { renderPart } from '../render/session.ts';
import { sendContinue, streamBodies } from '../request/bodies.ts';
import { parseDigestHeader, parseRangeHeader, parseSessionIdParam } from '../request/part-headers.ts';
import type { Services } from '../services.ts';

/** PUT /files/upload_sessions/:id: parses the headers; `acceptPart` does everything else. */
export function serveUploadPart(scope: FastifyInstance, { uploads }: Services): void {
  streamBodies(scope);
  scope.put('/files/upload_sessions/:session_id', { config: bearerPolicy('upload') }, async (request, reply) => {
    const session = parseSessionIdParam(request.params);
    const sha1 = parseDigestHeader(request.headers);
    const range = parseRangeHeader(request.headers);
    const caller = getCaller(request).userId;
    const accepted = await acceptPart(uploads, { caller, session, range, sha1, body: createPartBody(request, reply) });
    request.isWasted = !accepted.isNew;
    return { part: renderPart(accepted.part, accepted.session.staged.layout) };
  });
}

/** Creates the body of a part. A client that waits for "100 Continue" gets it when the body is first read. */
function createPartBody(request: FastifyRequest, reply: FastifyReply): PartBody {
  const { raw } = request;
  return {
    signal: createDisconnectSignal(request, reply),
    destroy: (reason) => raw.destroy(reason),
    [Symbol.asyncIterator]: () => {
      sendContinue(raw);
      // A response follows even if the body was not read to its end, so the iterator must not destroy the connection.
      return raw.iterator({ destroyOnReturn: false });
    },
  };
}
