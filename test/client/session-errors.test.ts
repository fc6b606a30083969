import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../packages/client/src/errors.ts';
import {
  isFinal,
  isSessionGone,
  RestartUpload,
  restartIfGone,
} from '../../packages/client/src/upload/session-errors.ts';

function apiError(status: number, code = `http_${status}`): ApiError {
  return new ApiError({ message: code, status, code, call: '' });
}

test('a session is gone with 404, 410 and a plain 403', () => {
  for (const status of [404, 410]) assert.equal(isSessionGone(apiError(status)), true);
  assert.equal(isSessionGone(apiError(403, 'forbidden')), true);
  assert.equal(isSessionGone(apiError(403, 'insufficient_scope')), false);
  for (const status of [400, 401, 409, 412, 500]) assert.equal(isSessionGone(apiError(status, 'forbidden')), false);
  assert.equal(isSessionGone(new Error('404')), false);
});

test('only the error of a session that is gone starts the upload from scratch', () => {
  const gone = restartIfGone(apiError(404));
  assert.ok(gone instanceof RestartUpload);
  assert.equal(gone.reason, 'session-gone');
  const other = apiError(500);
  assert.equal(restartIfGone(other), other);
});

test('errors that the same upload would get again are final', () => {
  for (const status of [400, 404, 409, 410, 412, 413]) assert.equal(isFinal(apiError(status)), true, `${status}`);
});

test('errors that another login, more space, less load or a better connection can fix are not final', () => {
  for (const status of [401, 403, 408, 429, 500, 502, 503, 507]) {
    assert.equal(isFinal(apiError(status)), false, `${status}`);
  }
  for (const code of ['bad_digest', 'digest_mismatch', 'parts_mismatch'])
    assert.equal(isFinal(apiError(400, code)), false);
  assert.equal(isFinal(apiError(409, 'operation_blocked_temporary')), false);
  assert.equal(isFinal(new Error('400')), false);
});
