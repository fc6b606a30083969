import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatabaseError, type DatabaseErrorCode } from '../../packages/server/src/database/errors.ts';
import { DomainError, type DomainErrorCode, type KnownError } from '../../packages/server/src/errors.ts';
import { ApiError, toApiError } from '../../packages/server/src/http/api-error.ts';
import { StorageError, type StorageErrorCode } from '../../packages/server/src/storage/errors.ts';

const domain = (code: DomainErrorCode) => new DomainError(code, 'what happened');
const storage = (code: StorageErrorCode) => new StorageError(code, 'what happened');
const database = (code: DatabaseErrorCode) => new DatabaseError(code, 'what happened');

/** The status and code that Box documents for each error (wire: "Errors"). */
const RESPONSES: [KnownError<string>, number, string][] = [
  [domain('announced-digest-mismatch'), 400, 'bad_digest'],
  [domain('blocked'), 409, 'operation_blocked_temporary'],
  [domain('cyclical-move'), 400, 'cyclical_folder_structure'],
  [domain('digest-mismatch'), 400, 'digest_mismatch'],
  [domain('file-too-large'), 403, 'file_size_limit_exceeded'],
  [domain('file-too-small'), 400, 'file_size_too_small'],
  [domain('folder-not-empty'), 400, 'folder_not_empty'],
  [domain('forbidden'), 403, 'forbidden'],
  [domain('insufficient-scope'), 403, 'insufficient_scope'],
  [domain('invalid-range'), 416, 'range_not_satisfiable'],
  [domain('invalid-request'), 400, 'bad_request'],
  [domain('invalid-token'), 401, 'unauthorized'],
  [domain('item-locked'), 403, 'access_denied_item_locked'],
  [domain('limit-exceeded'), 403, 'operation_limit_exceeded'],
  [domain('login-in-use'), 409, 'user_login_already_used'],
  [domain('name-in-use'), 409, 'item_name_in_use'],
  [domain('name-invalid'), 400, 'item_name_invalid'],
  [domain('name-too-long'), 400, 'item_name_too_long'],
  [domain('not-found'), 404, 'not_found'],
  [domain('not-trashed'), 404, 'not_trashed'],
  [domain('parent-not-found'), 404, 'invalid_parameter'],
  [domain('part-exists'), 409, 'range_overlaps_existing_part'],
  [domain('parts-mismatch'), 400, 'parts_mismatch'],
  [domain('permission-denied'), 403, 'access_denied_insufficient_permissions'],
  [domain('precondition-failed'), 412, 'precondition_failed'],
  [domain('quota-exceeded'), 403, 'storage_limit_exceeded'],
  [domain('session-expired'), 410, 'session_expired'],
  [domain('session-not-found'), 404, 'upload_session_not_found'],
  [domain('trashed'), 404, 'trashed'],
  [domain('unavailable'), 503, 'unavailable'],
  [storage('blob-not-found'), 404, 'upload_session_not_found'],
  [storage('digest-mismatch'), 400, 'digest_mismatch'],
  [storage('file-too-large'), 403, 'file_size_limit_exceeded'],
  [storage('length-mismatch'), 400, 'bad_request'],
  [storage('storage-full'), 507, 'insufficient_storage'],
  [storage('unavailable'), 503, 'unavailable'],
  [database('busy'), 409, 'operation_blocked_temporary'],
  [database('conflict'), 409, 'conflict'],
  [database('full'), 507, 'insufficient_storage'],
  [database('invalid-text'), 400, 'bad_request'],
  [database('unavailable'), 503, 'unavailable'],
];

for (const [error, status, code] of RESPONSES) {
  test(`${error.name} ${error.code} becomes ${status} ${code}`, () => {
    const response = toApiError(error);
    assert.deepEqual([response?.status, response?.code], [status, code]);
    assert.equal(error.isRejection, status < 500, 'a rejected request has had no effect');
  });
}

test('an error response keeps the message, the context, the retry time and the cause', () => {
  const detail = { context: { limit: 'PARTWAY_MAX_ITEMS' }, retryAfterSeconds: 7, cause: new Error('why') };
  const { message, context, retryAfterSeconds, cause } = toApiError(
    new DomainError('blocked', 'what', detail),
  ) as ApiError;
  assert.deepEqual({ message, context, retryAfterSeconds, cause }, { message: 'what', ...detail });
});

test('an unexpected error has no API response, and an API error is returned unchanged', () => {
  assert.equal(toApiError(new TypeError('a fault of the server')), undefined);
  const error = new ApiError('not_found', 'what happened');
  assert.equal(toApiError(error), error);
});
