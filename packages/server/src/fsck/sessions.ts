import { createReadStream } from 'node:fs';
import type { BlobId, SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { LocalPart } from '../storage/blob-store.ts';
import { partRange } from '../uploads/part-layout.ts';
import type { Part, Session } from '../uploads/session.ts';
import { deleteOpenSession, findPart, findSession, listOpenSessions, listParts } from '../uploads/session-store.ts';
import { readAndHash } from './blobs.ts';
import type { FsckContext } from './context.ts';

/** The number of sessions per page. The store is listed once per page. */
const PAGE = 1000;
/** The size of one read from the disk. */
const READ_BYTES = 512 * 1024;

/**
 * Reads the parts of open sessions, and compares each with its SHA-1. The repair of a damaged part deletes its row: the
 * client then finds the part missing in the list, and sends it again.
 */
export async function checkSessions(context: FsckContext): Promise<{ parts: number; skipped: number }> {
  const counts = { parts: 0, skipped: 0 };
  let after = '';
  for (;;) {
    const page = await listOpenSessions(context.db, after, PAGE);
    const missing = await findUnlisted(context, page);
    for (const session of page) {
      after = session.id;
      if (missing.has(session.staged.blob) && !(await context.blobs.exists(session.staged)))
        await reportMissing(context, session);
      else await checkParts(context, session, counts);
    }
    if (page.length < PAGE) return counts;
  }
}

/**
 * Finds the blobs of these sessions that the store does not list in any state. That alone is no proof that they are missing:
 * MinIO, for example, lists an upload only if the request has its exact key as the prefix.
 */
async function findUnlisted({ blobs }: FsckContext, sessions: readonly Session[]): Promise<Set<BlobId>> {
  const missing = new Set(sessions.map(({ staged }) => staged.blob));
  if (missing.size === 0) return missing;
  for await (const stored of blobs.list()) missing.delete(stored.blob);
  return missing;
}

async function reportMissing({ db, found }: FsckContext, { id, staged }: Session): Promise<void> {
  if (!(await isOpen(db, id))) return;
  await found({
    kind: 'session_without_bytes',
    message: `The upload ${id} is open, but its blob is missing. It cannot be completed, so the client has to start again.`,
    about: { session_id: id, blob_id: staged.blob },
    repair: () => deleteOpenSession(db, id),
  });
}

async function checkParts(
  context: FsckContext,
  session: Session,
  counts: { parts: number; skipped: number },
): Promise<void> {
  const { db, blobs } = context;
  for (const part of await listParts(db, session.id)) {
    const bytes = await blobs.localPart(session.staged, partRange(session.staged.layout, part.index));
    if (bytes === undefined) {
      counts.skipped += 1;
      continue;
    }
    counts.parts += 1;
    await checkPart(context, session, part, bytes);
  }
}

async function checkPart(context: FsckContext, { id }: Session, part: Part, bytes: LocalPart): Promise<void> {
  const { path, offset, length } = bytes;
  const range = { start: offset, end: offset + length - 1, highWaterMark: READ_BYTES };
  const read = await readAndHash(async () => createReadStream(path, range), context.read);
  if (typeof read === 'object' && 'sha1' in read && read.sha1 === part.sha1) return;
  // The session was committed, aborted or expired meanwhile.
  if (!(await isOpen(context.db, id)) || (await findPart(context.db, id, part.index))?.sha1 !== part.sha1) return;
  const about = { session_id: id, part_index: part.index, sha1: part.sha1 };
  if (read === 'missing' || 'failure' in read) {
    const reason = read === 'missing' ? 'the file is missing' : read.failure;
    const message = `Part ${part.index} of the upload ${id} cannot be read: ${reason}. Check the disk first.`;
    await context.found({ kind: 'part_unreadable', message, about });
    return;
  }
  await context.found({
    kind: 'part_damaged',
    message: `Part ${part.index} of the upload ${id} has the SHA-1 ${read.sha1} instead of ${part.sha1}.`,
    about,
    repair: () => deletePart(context.db, id, part),
  });
}

async function isOpen(db: FsckContext['db'], id: SessionId): Promise<boolean> {
  return (await findSession(db, id))?.state === 'open';
}

/** Deletes a part's row, so that its client sends the part again. Returns false if the part has changed meanwhile. */
async function deletePart(db: Kysely<Tables>, session: SessionId, { index, sha1 }: Part): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('parts')
    .where('session_id', '=', session)
    .where('part_index', '=', index)
    .where('sha1', '=', sha1)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}
