import type { SessionId, UserId } from '@partway/protocol/ids';
import type { Uploads } from './context.ts';
import { dropBytes } from './drop-bytes.ts';
import { findOwnSession } from './find-session.ts';
import { forget } from './forget.ts';
import { deleteOpenSession } from './session-store.ts';

/** Forgets the session, then its bytes. After a commit there is nothing to abort: the file stays. */
export async function abort(uploads: Uploads, caller: UserId, id: SessionId): Promise<void> {
  const { db } = uploads;
  const session = await findOwnSession(uploads, caller, id);
  if (!(await deleteOpenSession(db, session.id))) return;
  forget(uploads, session.id);
  await dropBytes(uploads, session.staging);
}
