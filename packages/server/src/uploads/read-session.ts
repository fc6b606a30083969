import type { SessionId, UserId } from '@partway/protocol/ids';
import type { Uploads } from './context.ts';
import { findOwnSession } from './find-session.ts';
import type { Part, Session } from './session.ts';
import { countParts, listParts } from './session-store.ts';

/** A session and how many of its parts are stored. */
export async function readSession(
  uploads: Uploads,
  caller: UserId,
  id: SessionId,
): Promise<{ session: Session; stored: number }> {
  const session = await findOwnSession(uploads, caller, id);
  return { session, stored: await countParts(uploads.db, id) };
}

/** A page of a session's stored parts in the order of their bytes, and how many there are in all. */
export async function readParts(
  uploads: Uploads,
  caller: UserId,
  id: SessionId,
  page: { offset: number; limit: number },
): Promise<{ session: Session; parts: Part[]; stored: number }> {
  const { session, stored } = await readSession(uploads, caller, id);
  return { session, parts: await listParts(uploads.db, id, page), stored };
}
