import { createReadStream } from 'node:fs';
import type { BlobId, SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { LocalPart } from '../storage/blob-store.ts';
import { partRange } from '../uploads/part-layout.ts';
import type { Part, Session } from '../uploads/session.ts';
import { deleteOpenSession, findPart, findSession, listOpenSessions, listParts } from '../uploads/session-store.ts';
import { readBack } from './blobs.ts';
import type { FsckContext } from './context.ts';

/** The store is listed once for each page of sessions. */
const PAGE = 1000;
/** What one read takes from the disk. */
const READ_BYTES = 512 * 1024;

/**
 * Reads the parts of open sessions, and holds each against its SHA-1. A part whose bytes are wrong is mended by
 * forgetting it: its client finds it missing in the list, and sends it again.
 */
export async function checkSessions(check: FsckContext): Promise<{ parts: number; outOfReach: number }> {
  const counts = { parts: 0, outOfReach: 0 };
  let after = '';
  for (;;) {
    const page = await listOpenSessions(check.db, after, PAGE);
    const missing = await notListed(check, page);
    for (const session of page) {
      after = session.id;
      if (missing.has(session.staged.blob) && !(await check.blobs.exists(session.staged)))
        await tellMissing(check, session);
      else await checkParts(check, session, counts);
    }
    if (page.length < PAGE) return counts;
  }
}

/**
 * Which of these sessions' contents the store does not list, in any state. That alone says nothing: MinIO, for one, lists an
 * upload only where it is asked for its very key.
 */
async function notListed({ blobs }: FsckContext, sessions: readonly Session[]): Promise<Set<BlobId>> {
  const missing = new Set(sessions.map(({ staged }) => staged.blob));
  if (missing.size === 0) return missing;
  for await (const stored of blobs.list()) missing.delete(stored.blob);
  return missing;
}

async function tellMissing({ db, found }: FsckContext, { id, staged }: Session): Promise<void> {
  if (!(await isOpen(db, id))) return;
  await found({
    kind: 'session_without_bytes',
    message: `The upload ${id} is open and its bytes are gone: it cannot be finished. Its client has to begin anew.`,
    about: { session_id: id, blob_id: staged.blob },
    mend: () => deleteOpenSession(db, id),
  });
}

async function checkParts(
  check: FsckContext,
  session: Session,
  counts: { parts: number; outOfReach: number },
): Promise<void> {
  const { db, blobs } = check;
  for (const part of await listParts(db, session.id)) {
    const bytes = await blobs.localPart(session.staged, partRange(session.staged.layout, part.index));
    if (bytes === undefined) {
      counts.outOfReach += 1;
      continue;
    }
    counts.parts += 1;
    await checkPart(check, session, part, bytes);
  }
}

async function checkPart(check: FsckContext, { id }: Session, part: Part, bytes: LocalPart): Promise<void> {
  const { path, offset, length } = bytes;
  const place = { start: offset, end: offset + length - 1, highWaterMark: READ_BYTES };
  const read = await readBack(async () => createReadStream(path, place), check.read);
  if (typeof read === 'object' && 'sha1' in read && read.sha1 === part.sha1) return;
  // Committed, aborted or expired meanwhile.
  if (!(await isOpen(check.db, id)) || (await findPart(check.db, id, part.index))?.sha1 !== part.sha1) return;
  const about = { session_id: id, slot: part.index, sha1: part.sha1 };
  if (read === 'missing' || 'failure' in read) {
    const why = read === 'missing' ? 'the file is gone' : read.failure;
    const message = `Part ${part.index} of the upload ${id} cannot be read: ${why}. Look at the disk before anything else.`;
    await check.found({ kind: 'part_unreadable', message, about });
    return;
  }
  await check.found({
    kind: 'part_damaged',
    message: `Part ${part.index} of the upload ${id} has the SHA-1 ${read.sha1} instead of ${part.sha1}.`,
    about,
    mend: () => forgetPart(check.db, id, part),
  });
}

async function isOpen(db: FsckContext['db'], id: SessionId): Promise<boolean> {
  return (await findSession(db, id))?.state === 'open';
}

/** Makes a stored part one that is missing, so that its client sends it again; false where it is no longer as given. */
async function forgetPart(db: Kysely<Tables>, session: SessionId, { index, sha1 }: Part): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('parts')
    .where('session_id', '=', session)
    .where('part_index', '=', index)
    .where('sha1', '=', sha1)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}
