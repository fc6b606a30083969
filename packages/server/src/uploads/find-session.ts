import type { Millis, SessionId, UserId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import type { UploadContext } from './context.ts';
import type { Session } from './session.ts';
import { findSession } from './session-store.ts';

/** The caller's session in any state but expired. Refuses one that is unknown, another user's, or past its time. */
export async function getOwnSession(
  { db, clock }: Pick<UploadContext, 'db' | 'clock'>,
  caller: UserId,
  id: SessionId,
): Promise<Session> {
  const session = await findSession(db, id);
  if (session === undefined) throw sessionNotFoundError(id);
  return assertOwner(session, caller, clock.expiryTime());
}

/** The session, if it is the caller's and has not passed its time. `expiryTime` is the clock's. */
export function assertOwner(session: Session, caller: UserId, expiryTime: Millis): Session {
  if (session.owner !== caller) {
    throw new DomainError('forbidden', 'Only the user who initiated the upload session may use it.');
  }
  if (session.state === 'expired' || (session.state === 'open' && session.expiresAt <= expiryTime)) {
    throw sessionExpiredError(session);
  }
  return session;
}

/** Why a session that was open a moment ago takes nothing any more. */
export async function sessionEndedError({ db }: Pick<UploadContext, 'db'>, session: Session): Promise<DomainError> {
  const now = await findSession(db, session.id);
  return now?.state === 'expired' ? sessionExpiredError(now) : sessionNotFoundError(session.id);
}

export function sessionNotFoundError(id: SessionId): DomainError {
  return new DomainError(
    'session-not-found',
    `There is no upload session ${id}: it was aborted, or its file is complete and the session forgotten.`,
  );
}

function sessionExpiredError(session: Session): DomainError {
  const when = new Date(session.expiresAt).toISOString();
  return new DomainError(
    'session-expired',
    `The upload session expired at ${when}. Create a new one and upload again.`,
  );
}
