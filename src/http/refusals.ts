import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '../api/refusal.ts';

/** The one place in which what was thrown becomes an answer. */
export function answerRefusals(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError | Refusal | Error, request, reply) => {
    const refusal = asRefusal(error);
    if (hasLeft(request, error)) request.log.info({ err: error }, 'the client went away before its request was whole');
    else if (refusal.status >= 500) request.log.error({ err: refusal.cause ?? error }, refusal.message);
    if (reply.raw.headersSent || reply.raw.destroyed) {
      // Half an answer is out, or nobody is there to read one.
      reply.hijack();
      reply.raw.destroy();
      return reply;
    }
    return answer(request, reply, refusal);
  });
}

/** A client that stops in the middle of its body is nobody's failure here. */
function hasLeft({ raw }: FastifyRequest, error: Error): boolean {
  return !(error instanceof Refusal) && raw.destroyed && !raw.complete;
}

/** Box's error object (wire: "Errors"). */
export function errorBody(refusal: Refusal, requestId: string): Record<string, unknown> {
  return {
    type: 'error',
    status: refusal.status,
    code: refusal.code,
    message: refusal.message,
    context_info: refusal.context ?? null,
    help_url: 'https://developer.box.com/guides/api-calls/permissions-and-errors/common-errors/',
    request_id: requestId,
  };
}

function answer(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  reply.code(refusal.status);
  if (refusal.retryAfterSeconds !== undefined) reply.header('retry-after', refusal.retryAfterSeconds);
  if (refusal.code === 'unauthorized') {
    // Clients tell an expired token by this header; the body is empty as Box's is.
    const description = refusal.message.replaceAll('"', "'");
    return reply
      .header('www-authenticate', `Bearer realm="Service", error="invalid_token", error_description="${description}"`)
      .send();
  }
  return reply.type('application/json').send(JSON.stringify(errorBody(refusal, request.id)));
}

function asRefusal(error: FastifyError | Refusal | Error): Refusal {
  if (error instanceof Refusal) return error;
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (status === 413) {
    return new Refusal('request_entity_too_large', 'The body is larger than this call takes.', { cause: error });
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new Refusal('bad_request', error.message, { cause: error });
  }
  return new Refusal(
    'internal_server_error',
    'Partway failed to do this. The log has the reason under this request_id.',
    {
      cause: error,
    },
  );
}
