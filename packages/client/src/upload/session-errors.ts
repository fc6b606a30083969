import { ApiError } from '../errors.ts';
import { BeginAnew } from './begin-anew.ts';

/** Whether a call of a session was refused because there is no such session of this user any more. */
export function isSessionGone(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.status === 404 || error.status === 410) return true;
  // Somebody else's session, after the token of another user was given.
  return error.status === 403 && error.code === 'forbidden';
}

export const SESSION_GONE = 'The server does not have the session of this upload any more: it begins anew.';

/** `BeginAnew` in place of such a refusal, and anything else as it is. */
export function anewIfGone(error: unknown): unknown {
  return isSessionGone(error) ? new BeginAnew('session-gone', SESSION_GONE, { cause: error }) : error;
}
