import { GrantError } from '../../auth/grants/errors.ts';
import type { ApiError } from '../api-error.ts';

/** URLs whose errors have OAuth's format. */
const OAUTH_PATH = /^(?:\/api)?\/oauth2\//;

/** Limits messages, which can contain input. */
const MAX_MESSAGE_CHARACTERS = 500;

interface ErrorResponse {
  status: number;
  headers: Record<string, string>;
  /** Empty if clients expect no body. */
  body: string;
}

interface FailedRequest {
  requestId: string;
  /** The request target; undefined if it could not be parsed. */
  url: string | undefined;
}

/**
 * Renders the response for any error, whether Fastify, Node's parser or the server itself found it: Box's error object,
 * or OAuth's format for OAuth's URLs (RFC 6749, section 5.2). Contains only what the error contains, and never the URL.
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
    // Clients detect an expired token by this header. The body is empty, as in Box.
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

/** Converts text for use between quotation marks in a header. */
function toQuotedText(text: string): string {
  return text
    .replaceAll('"', "'")
    .replaceAll('\\', '/')
    .replaceAll(/[^\x20-\x7e]/g, '?');
}
