import type { Millis, SessionId, UserId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import type { UploadContext } from './context.ts';
import type { Session } from './session.ts';
import { findSession } from './session-store.ts';

/** Gets a session in any state but expired. Throws if it does not exist, belongs to another user, or has expired. */
export async function getOwnSession(
  { db, clock }: Pick<UploadContext, 'db' | 'clock'>,
  caller: UserId,
  id: SessionId,
): Promise<Session> {
  const session = await findSession(db, id);
  if (session === undefined) throw sessionNotFoundError(id);
  return assertOwner(session, caller, clock.expiryTime());
}

/** Returns the session. Throws if it belongs to another user or has expired. `expiryTime` is that of the clock. */
export function assertOwner(session: Session, caller: UserId, expiryTime: Millis): Session {
  if (session.owner !== caller) {
    throw new DomainError('forbidden', 'Only the user who created the upload session can use it.');
  }
  if (session.state === 'expired' || (session.state === 'open' && session.expiresAt <= expiryTime)) {
    throw sessionExpiredError(session);
  }
  return session;
}

/** The error for a session that has ended during an operation. */
export async function sessionEndedError({ db }: Pick<UploadContext, 'db'>, session: Session): Promise<DomainError> {
  const current = await findSession(db, session.id);
  return current?.state === 'expired' ? sessionExpiredError(current) : sessionNotFoundError(session.id);
}

export function sessionNotFoundError(id: SessionId): DomainError {
  return new DomainError(
    'session-not-found',
    `There is no upload session ${id}. It was aborted, or it was committed or expired long ago.`,
  );
}

function sessionExpiredError(session: Session): DomainError {
  const expiresAt = new Date(session.expiresAt).toISOString();
  return new DomainError(
    'session-expired',
    `The upload session expired at ${expiresAt}. Create a new session and upload the file again.`,
  );
}
