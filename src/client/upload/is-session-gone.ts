import { ApiError } from '../api-error.ts';

/** Whether a call of a session was refused because there is no such session of this user any more. */
export function isSessionGone(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.status === 404 || error.status === 410) return true;
  // Somebody else's session, after the token of another user was given.
  return error.status === 403 && error.code === 'forbidden';
}
