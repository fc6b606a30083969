import { ApiError } from '../errors.ts';
import { isRetryable } from '../retry.ts';
import type { RestartReason } from '../upload-options.ts';

/** Whether a call of a session was refused because there is no such session of this user any more. */
export function isSessionGone(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.status === 404 || error.status === 410) return true;
  // Somebody else's session, after the token of another user was given.
  return error.status === 403 && error.code === 'forbidden';
}

export const SESSION_GONE = 'The server does not have the session of this upload any more: it begins anew.';

/** `RestartUpload` in place of such a refusal, and anything else as it is. */
export function restartIfGone(error: unknown): unknown {
  return isSessionGone(error) ? new RestartUpload('session-gone', SESSION_GONE, { cause: error }) : error;
}

/** Thrown where what was sent so far is of no use any more; the upload then begins from the first byte. */
export class RestartUpload extends Error {
  readonly reason: RestartReason;

  constructor(reason: RestartReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BeginAnew';
    this.reason = reason;
  }
}

/** For a source that gives other bytes than it gave before. */
export function sourceChangedError(name: string, cause?: unknown): RestartUpload {
  return new RestartUpload('source-changed', `${name} has changed since its upload began: it begins anew.`, { cause });
}

/** Refusals of what is sent, not of its bytes: the same upload again would be refused again. */
const FINAL = new Set([400, 404, 409, 410, 412, 413]);
const OF_BYTES = /^(bad_digest|digest_mismatch|parts_mismatch)$/;

/**
 * Whether an upload that ended so leads nowhere, whoever tries it again: what it has stored is of no use. Not where a
 * login, more room or a better line would help.
 */
export function isFinal(error: unknown): boolean {
  return error instanceof ApiError && FINAL.has(error.status) && !OF_BYTES.test(error.code) && !isRetryable(error);
}
