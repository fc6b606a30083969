import assert from 'node:assert/strict';
import type { RawResponse } from '../support/responses.ts';

const OAUTH_PATH = /^(?:http:\/\/[^/]*)?(?:\/api)?\/oauth2\//;

/** Throws unless `response` is acceptable: no 5xx, and errors in Box's format, or in OAuth's at its own addresses. */
export function checkResponse({ status, headers, body }: RawResponse, method?: string, path?: string): void {
  assert.ok(status < 500, `a ${status}: ${body}`);
  if (status < 400) return;
  assert.match(
    headers['box-request-id'] ?? '',
    /^[0-9a-f]{16}$/,
    `no request ID: ${status} ${JSON.stringify(headers)}`,
  );
  if (method === 'HEAD') return;
  if (headers['content-type']?.startsWith('text/html')) {
    // A page for the user who logs in.
    assert.ok(path === undefined || path.includes('/oauth2/authorize'), `a page at ${path}`);
    return;
  }
  if (status === 401 && body === '') {
    assert.match(headers['www-authenticate'] ?? '', /^Bearer realm="Service", error="invalid_token"/);
    return;
  }
  const error = JSON.parse(body);
  assert.doesNotMatch(body, /FST_|HPE_|ERR_[A-Z]|node:internal/);
  // If bytes are not a request, their address is unknown.
  const isRequest = path !== undefined && !(status === 400 && headers.connection === 'close');
  const isOAuth = isRequest ? OAUTH_PATH.test(path) : 'error' in error;
  if (isOAuth) {
    assert.deepEqual(Object.keys(error), ['error', 'error_description'], body);
    return;
  }
  assert.deepEqual([error.type, error.status, error.request_id], ['error', status, headers['box-request-id']], body);
  assert.match(error.code, /^[a-z_]+$/);
  assert.ok(typeof error.message === 'string' && 'context_info' in error && 'help_url' in error, body);
}
