import type { FastifyInstance } from 'fastify';
import { acceptPart } from '../../uploads/accept-part.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { renderPart } from '../render/session.ts';
import { streamBodies } from '../request/bodies.ts';
import { RequestBody } from '../request/part-body.ts';
import { parseDigestHeader, parseRangeHeader, parseSessionIdParam } from '../request/part-headers.ts';
import type { Services } from '../services.ts';

/** PUT /files/upload_sessions/:id: parses the headers; `acceptPart` does everything else. */
export function serveUploadPart(scope: FastifyInstance, { uploads, settings }: Services): void {
  streamBodies(scope);
  scope.put('/files/upload_sessions/:session_id', { config: bearerPolicy('upload') }, async (request, reply) => {
    const session = parseSessionIdParam(request.params);
    const sha1 = parseDigestHeader(request.headers);
    const range = parseRangeHeader(request.headers);
    const caller = getCaller(request).userId;
    const body = new RequestBody(request, reply, { canHandOver: settings.handover.isOn });
    const accepted = await acceptPart(uploads, { caller, session, range, sha1, body });
    request.isWasted = !accepted.isNew;
    return { part: renderPart(accepted.part, accepted.session.staged.layout) };
  });
}
