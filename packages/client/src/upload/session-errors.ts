import { ApiError } from '../errors.ts';
import { isRetryable } from '../retry.ts';
import type { RestartReason } from '../upload-options.ts';

/** Whether the error means that this user no longer has such a session. */
export function isSessionGone(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.status === 404 || error.status === 410) return true;
  // The session belongs to another user: the token has changed.
  return error.status === 403 && error.code === 'forbidden';
}

export const SESSION_GONE = 'The server no longer has the session of this upload: starting from scratch.';

/** Returns `RestartUpload` if the session is gone, and any other error unchanged. */
export function restartIfGone(error: unknown): unknown {
  return isSessionGone(error) ? new RestartUpload('session-gone', SESSION_GONE, { cause: error }) : error;
}

/** Thrown if the stored parts can no longer be used and the upload has to start from scratch. */
export class RestartUpload extends Error {
  readonly reason: RestartReason;

  constructor(reason: RestartReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RestartUpload';
    this.reason = reason;
  }
}

export function sourceChangedError(name: string, cause?: unknown): RestartUpload {
  return new RestartUpload('source-changed', `${name} has changed since its upload began: starting from scratch.`, {
    cause,
  });
}

/** Statuses that mean that the same upload would fail again, unless the code is one of `DIGEST_ERRORS`. */
const FINAL = new Set([400, 404, 409, 410, 412, 413]);
const DIGEST_ERRORS = /^(bad_digest|digest_mismatch|parts_mismatch)$/;

/**
 * Whether an upload that failed with this error can never succeed, so that its stored parts are useless. Errors that
 * another login, more space or a better connection can fix are not final.
 */
export function isFinal(error: unknown): boolean {
  return error instanceof ApiError && FINAL.has(error.status) && !DIGEST_ERRORS.test(error.code) && !isRetryable(error);
}
