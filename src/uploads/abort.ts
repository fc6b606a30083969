import type { SessionId, UserId } from '../api/ids.ts';
import { dropBytes } from './drop-bytes.ts';
import { findOwnSession } from './find-session.ts';
import { forget } from './forget.ts';
import { deleteOpenSession } from './records.ts';
import type { Uploads } from './uploads.ts';

/** Forgets the session, then its bytes. After a commit there is nothing to abort: the file stays. */
export async function abort(uploads: Uploads, caller: UserId, id: SessionId): Promise<void> {
  const { db } = uploads;
  const session = await findOwnSession(uploads, caller, id);
  if (!(await deleteOpenSession(db, session.id))) return;
  forget(uploads, session.id);
  await dropBytes(uploads, session.staging);
}
