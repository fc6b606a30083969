import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GrantError } from '../../auth/grants/errors.ts';
import { KnownError } from '../../errors.ts';
import { ApiError, toApiError } from '../api-error.ts';
import { ClientGoneError } from '../connections/disconnects.ts';
import { errorResponse } from '../render/errors.ts';

type Thrown = FastifyError | KnownError<string> | GrantError | Error;

/** Headers that describe the content that the handler was about to send. They do not apply to the error response. */
const CONTENT_HEADERS = ['content-disposition', 'etag', 'last-modified', 'content-encoding'];

/** Sends an error that a handler or hook has thrown, or that Fastify found before routing (`frameworkErrors`). */
export function sendError(thrown: Thrown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toResponseError(thrown);
  if (isClientGone(request, thrown)) {
    request.log.info({ err: thrown }, 'the client disconnected before its request was complete');
  } else if (error instanceof ApiError && error.status >= 500) {
    request.log.error({ err: error.cause ?? thrown }, error.message);
  }
  if (reply.raw.headersSent || reply.raw.destroyed) {
    // Part of a response has already been sent, or the client has disconnected.
    reply.hijack();
    reply.raw.destroy();
    return reply;
  }
  const { status, headers, body } = errorResponse(error, { requestId: request.id, url: request.url });
  for (const name of CONTENT_HEADERS) reply.removeHeader(name);
  reply.code(status).headers(headers);
  return body === '' ? reply.send() : reply.send(body);
}

/** Converts everything that is thrown to error responses, in one place. */
export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler(sendError);
}

/** Whether the error only means that the client disconnected before it had sent its whole body. */
function isClientGone({ raw }: FastifyRequest, error: Error): boolean {
  if (error instanceof ClientGoneError) return true;
  return !(error instanceof KnownError) && raw.destroyed && !raw.complete;
}

/** Replaces Fastify's messages, which contain its own error codes and repeat input. */
function toResponseError(error: Thrown): ApiError | GrantError {
  if (error instanceof GrantError) return error;
  const known = toApiError(error);
  if (known !== undefined) return known;
  const { code, statusCode: status } = error as Partial<FastifyError>;
  const detail = { cause: error };
  if (code === 'FST_ERR_BAD_URL') {
    return new ApiError('bad_request', 'The URL contains a % sign that is not part of percent-encoded UTF-8.', detail);
  }
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return new ApiError('bad_request', 'A segment of the URL is too long.', detail);
  }
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return new ApiError('bad_request', 'The length of the body does not match its Content-Length.', detail);
  }
  if (status === 413) {
    return new ApiError('request_entity_too_large', 'The body is larger than this request allows.', detail);
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new ApiError('bad_request', 'The request or the type of its body is invalid.', detail);
  }
  return new ApiError('internal_server_error', 'Internal error. See the server log for this request_id.', detail);
}
