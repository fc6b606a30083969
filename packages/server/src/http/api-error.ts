import { ERROR_STATUS, type ErrorCode } from '@partway/protocol/errors';
import { DatabaseError, type DatabaseErrorCode } from '../database/errors.ts';
import { DomainError, type DomainErrorCode, KnownError } from '../errors.ts';
import { StorageError, type StorageErrorCode } from '../storage/errors.ts';

/** An error response of the API: one of Box's codes, which determines the status, and a message. */
export class ApiError extends KnownError<ErrorCode> {
  get status(): number {
    return ERROR_STATUS[this.code];
  }

  get isRejection(): boolean {
    return this.status < 500;
  }
}

const DOMAIN: Record<DomainErrorCode, ErrorCode> = {
  'announced-digest-mismatch': 'bad_digest',
  blocked: 'operation_blocked_temporary',
  'cyclical-move': 'cyclical_folder_structure',
  'digest-mismatch': 'digest_mismatch',
  'file-too-large': 'file_size_limit_exceeded',
  'file-too-small': 'file_size_too_small',
  'folder-not-empty': 'folder_not_empty',
  forbidden: 'forbidden',
  'insufficient-scope': 'insufficient_scope',
  'invalid-range': 'range_not_satisfiable',
  'invalid-request': 'bad_request',
  'invalid-token': 'unauthorized',
  'item-locked': 'access_denied_item_locked',
  'limit-exceeded': 'operation_limit_exceeded',
  'login-in-use': 'user_login_already_used',
  'name-in-use': 'item_name_in_use',
  'name-invalid': 'item_name_invalid',
  'name-too-long': 'item_name_too_long',
  'not-found': 'not_found',
  'not-trashed': 'not_trashed',
  'parent-not-found': 'invalid_parameter',
  'part-exists': 'range_overlaps_existing_part',
  'parts-mismatch': 'parts_mismatch',
  'permission-denied': 'access_denied_insufficient_permissions',
  'precondition-failed': 'precondition_failed',
  'quota-exceeded': 'storage_limit_exceeded',
  'session-expired': 'session_expired',
  'session-not-found': 'upload_session_not_found',
  trashed: 'trashed',
  unavailable: 'unavailable',
};

const STORAGE: Record<StorageErrorCode, ErrorCode> = {
  'blob-not-found': 'upload_session_not_found',
  'digest-mismatch': 'digest_mismatch',
  'file-too-large': 'file_size_limit_exceeded',
  'length-mismatch': 'bad_request',
  'storage-full': 'insufficient_storage',
  unavailable: 'unavailable',
};

const DATABASE: Record<DatabaseErrorCode, ErrorCode> = {
  busy: 'operation_blocked_temporary',
  conflict: 'conflict',
  full: 'insufficient_storage',
  'invalid-text': 'bad_request',
  unavailable: 'unavailable',
};

/**
 * Maps an error of the domain, a store or the database to an error response. Returns undefined for any other error. The
 * tables above are exhaustive: a code without a mapping does not compile.
 */
export function toApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof DomainError) return withCode(DOMAIN[error.code], error);
  if (error instanceof StorageError) return withCode(STORAGE[error.code], error);
  if (error instanceof DatabaseError) return withCode(DATABASE[error.code], error);
  return undefined;
}

function withCode(code: ErrorCode, { message, context, retryAfterSeconds, cause }: KnownError<string>): ApiError {
  return new ApiError(code, message, {
    ...(context !== undefined && { context }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    cause,
  });
}
