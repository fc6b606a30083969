import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GrantError } from '../../auth/grants/errors.ts';
import { KnownError } from '../../errors.ts';
import { ApiError, toApiError } from '../api-error.ts';
import { ClientGoneError } from '../connections/disconnects.ts';
import { errorResponse } from '../render/errors.ts';

type Thrown = FastifyError | KnownError<string> | GrantError | Error;

/** What describes the representation that a handler had in mind, not the error that is sent instead. */
const CONTENT_HEADERS = ['content-disposition', 'etag', 'last-modified', 'content-encoding'];

/** Answers what was thrown, or what Fastify found wrong before there was a route (`frameworkErrors`). */
export function sendError(error: Thrown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = toResponseError(error);
  if (isClientGone(request, error))
    request.log.info({ err: error }, 'the client went away before its request was whole');
  else if (refusal instanceof ApiError && refusal.status >= 500) {
    request.log.error({ err: refusal.cause ?? error }, refusal.message);
  }
  if (reply.raw.headersSent || reply.raw.destroyed) {
    // Half an answer is out, or nobody is there to read one.
    reply.hijack();
    reply.raw.destroy();
    return reply;
  }
  const { status, headers, body } = errorResponse(refusal, { requestId: request.id, url: request.url });
  for (const name of CONTENT_HEADERS) reply.removeHeader(name);
  reply.code(status).headers(headers);
  return body === '' ? reply.send() : reply.send(body);
}

/** The one place in which what was thrown becomes an answer. */
export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler(sendError);
}

/** A client that stops in the middle of its body is nobody's failure here. */
function isClientGone({ raw }: FastifyRequest, error: Error): boolean {
  if (error instanceof ClientGoneError) return true;
  return !(error instanceof KnownError) && raw.destroyed && !raw.complete;
}

/** None of the texts are Fastify's: those name its own codes and repeat what the client sent. */
function toResponseError(error: Thrown): ApiError | GrantError {
  if (error instanceof GrantError) return error;
  const known = toApiError(error);
  if (known !== undefined) return known;
  const { code, statusCode: status } = error as Partial<FastifyError>;
  const because = { cause: error };
  if (code === 'FST_ERR_BAD_URL') {
    return new ApiError('bad_request', 'The address holds a % that two hex digits of UTF-8 do not follow.', because);
  }
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return new ApiError('bad_request', 'The address has a part that is too long for anything here.', because);
  }
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return new ApiError('bad_request', 'The body is not as long as its Content-Length says.', because);
  }
  if (status === 413) {
    return new ApiError('request_entity_too_large', 'The body is larger than this call takes.', because);
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new ApiError('bad_request', 'The request, or the type of its body, cannot be read.', because);
  }
  return new ApiError(
    'internal_server_error',
    'Partway failed to do this. The log has the reason under this request_id.',
    because,
  );
}
