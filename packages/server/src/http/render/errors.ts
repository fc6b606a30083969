import { GrantError } from '../../auth/grants/errors.ts';
import type { ApiError } from '../api-error.ts';

/** Addresses below these answer with OAuth's errors. */
const OAUTH_PATH = /^(?:\/api)?\/oauth2\//;

/** What a client sent may be part of a message, but not all of it. */
const MAX_MESSAGE_CHARACTERS = 500;

/** What an error response consists of, in whatever way it is then sent. */
interface ErrorResponse {
  status: number;
  headers: Record<string, string>;
  /** Empty where clients expect none. */
  body: string;
}

/** What is known of the request that is answered. */
interface FailedRequest {
  requestId: string;
  /** The request target; undefined if there was none that could be read. */
  url: string | undefined;
}

/**
 * The content of every error response of the server, whether Fastify, Node's parser or the server itself found the error:
 * Box's error object (wire: "Errors"), or OAuth's on OAuth's addresses (RFC 6749, section 5.2). Says nothing that the
 * refusal does not say; never repeats the address.
 */
export function errorResponse(error: ApiError | GrantError, { requestId, url }: FailedRequest): ErrorResponse {
  const headers: Record<string, string> = { 'box-request-id': requestId };
  const message = truncate(error.message);
  if (error instanceof GrantError) {
    return json(400, headers, { error: error.error, error_description: message });
  }
  if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds);
  if (url !== undefined && OAUTH_PATH.test(url)) {
    return json(error.status, headers, { error: oauthCode(error), error_description: message });
  }
  if (error.code === 'unauthorized') {
    // Clients tell an expired token by this header; the body is empty as Box's is.
    headers['www-authenticate'] =
      `Bearer realm="Service", error="invalid_token", error_description="${toQuotedText(message)}"`;
    return { status: error.status, headers, body: '' };
  }
  return json(error.status, headers, {
    type: 'error',
    status: error.status,
    code: error.code,
    message,
    context_info: error.context ?? null,
    help_url: 'https://developer.box.com/guides/api-calls/permissions-and-errors/common-errors/',
    request_id: requestId,
  });
}

function truncate(text: string): string {
  return text.length <= MAX_MESSAGE_CHARACTERS ? text : `${text.slice(0, MAX_MESSAGE_CHARACTERS - 1)}…`;
}

function json(status: number, headers: Record<string, string>, body: Record<string, unknown>): ErrorResponse {
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
  };
}

function oauthCode({ status }: ApiError): string {
  if (status === 401) return 'invalid_client';
  if (status === 403) return 'access_denied';
  if (status === 429 || status === 503) return 'temporarily_unavailable';
  return status >= 500 ? 'server_error' : 'invalid_request';
}

/** Text that may stand between quotation marks in a header. */
function toQuotedText(text: string): string {
  return text
    .replaceAll('"', "'")
    .replaceAll('\\', '/')
    .replaceAll(/[^\x20-\x7e]/g, '?');
}
