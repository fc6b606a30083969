import type { BlobId, Millis, NodeId, SessionId } from '@partway/protocol/ids';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { SessionState, Tables } from '../database/schema.ts';
import { markBlobsForDeletion, referenceBlob } from '../files/blobs.ts';
import { chargeSpace } from '../files/quota.ts';
import { lockTree } from '../files/tree.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { type HashCheckpoint, matchesCheckpoint } from './hashing/checkpoint.ts';
import { type Part, partFromRow, type Session, type StoredPart, sessionFromRow } from './session.ts';
import { checkSessionLimits, type SessionLimits } from './session-limits.ts';

/**
 * The SQL for sessions and parts, for both databases. Unique keys and `where state = 'open'` decide races.
 */

/**
 * Inserts an open session, which then references its blob, and reserves space for its file. Throws `quota-exceeded`, and
 * the errors of `checkSessionLimits`.
 */
export async function insertSession(
  db: Kysely<Tables>,
  session: Session,
  createdAt: Millis,
  { userQuota, ...limits }: SessionLimits & { userQuota?: number | undefined } = DEFAULT_LIMITS,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const { owner, staged } = session;
    await chargeSpace(tx, owner, { reserved: staged.layout.fileSize }, userQuota);
    await checkSessionLimits(tx, owner, limits, 0);
    await referenceBlob(tx, session.staged.blob);
    await insertRow(tx, session, createdAt);
  });
}

async function insertRow(tx: Transaction<Tables>, session: Session, createdAt: Millis): Promise<void> {
  const { target, staged } = session;
  await tx
    .insertInto('upload_sessions')
    .values({
      id: session.id,
      owner_id: session.owner,
      file_id: target.kind === 'version' ? target.fileId : null,
      folder_id: target.folderId,
      name: target.name ?? null,
      blob_id: staged.blob,
      staged_blob: JSON.stringify(staged),
      file_size: staged.layout.fileSize,
      state: 'open',
      created_at: createdAt,
      expires_at: session.expiresAt,
      committed_file_id: null,
      committed_version_id: null,
      committed_sha1: null,
    })
    .execute();
}

export async function findSession(db: Kysely<Tables>, id: SessionId): Promise<Session | undefined> {
  const row = await db.selectFrom('upload_sessions').selectAll().where('id', '=', id).executeTakeFirst();
  return row && sessionFromRow(row);
}

/**
 * Inserts a stored part of an open session. Returns false if the session is not open or the part exists.
 * @param node The node that has the bytes in its local cache.
 */
export async function insertPart(
  db: Kysely<Tables>,
  session: SessionId,
  part: Omit<Part, 'partId'>,
  now: Millis,
  node = '' as NodeId,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('parts')
    .columns(['session_id', 'part_index', 'sha1', 'tag', 'created_at', 'node'])
    .expression((eb) =>
      eb
        .selectFrom('upload_sessions')
        .select([
          'id',
          sql.val(part.index).as('part_index'),
          sql.val(part.sha1).as('sha1'),
          sql.val(part.tag).as('tag'),
          sql.val(now).as('created_at'),
          sql.val(node).as('node'),
        ])
        .where('id', '=', session)
        .where('state', '=', 'open')
        // A transaction that ends the session waits for this row, or this statement finds the session ended.
        .forShare(),
    )
    .onConflict((conflict) => conflict.columns(['session_id', 'part_index']).doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

export async function findPart(db: Kysely<Tables>, session: SessionId, index: number): Promise<Part | undefined> {
  const row = await db
    .selectFrom('parts')
    .select(['part_index', 'sha1', 'tag'])
    .where('session_id', '=', session)
    .where('part_index', '=', index)
    .where('stored', '=', 1)
    .executeTakeFirst();
  return row && partFromRow(session, row);
}

/** Lists stored parts by offset in the file. A session has at most 10,000 parts. */
export async function listParts(
  db: Kysely<Tables>,
  session: SessionId,
  page: { offset: number; limit: number } = { offset: 0, limit: 10_000 },
): Promise<StoredPart[]> {
  const rows = await db
    .selectFrom('parts')
    .select(['part_index', 'sha1', 'tag', 'created_at'])
    .where('session_id', '=', session)
    .where('stored', '=', 1)
    .orderBy('part_index')
    .limit(page.limit)
    .offset(page.offset)
    .execute();
  return rows.map((row) => ({ ...partFromRow(session, row), storedAt: row.created_at }));
}

/** Lists the indexes of all stored parts. */
export async function listStoredIndexes(db: Kysely<Tables>, session: SessionId): Promise<number[]> {
  const rows = await db
    .selectFrom('parts')
    .select('part_index')
    .where('session_id', '=', session)
    .where('stored', '=', 1)
    .execute();
  return rows.map(({ part_index }) => part_index);
}

export async function countParts(db: Kysely<Tables>, session: SessionId): Promise<number> {
  const { stored } = await db
    .selectFrom('parts')
    .select((eb) => eb.fn.countAll().as('stored'))
    .where('session_id', '=', session)
    .where('stored', '=', 1)
    .executeTakeFirstOrThrow();
  return Number(stored);
}

/** Sets an open session to committed. Returns false if it is not open, or if its hash checkpoint is not `checkpoint`. */
export async function setCommitted(
  tx: Transaction<Tables>,
  session: SessionId,
  committed: NonNullable<Session['committed']>,
  checkpoint?: HashCheckpoint,
): Promise<boolean> {
  const update = tx
    .updateTable('upload_sessions')
    .set({
      state: 'committed',
      committed_file_id: committed.fileId,
      committed_version_id: committed.versionId,
      committed_sha1: committed.sha1,
    })
    .where('id', '=', session)
    .where('state', '=', 'open');
  const { numUpdatedRows } = await (checkpoint === undefined
    ? update
    : update.where(matchesCheckpoint(checkpoint))
  ).executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Sets an open session to expired, frees its reserved space, then deletes its parts. Returns false if it is not open. */
export async function setExpired(db: Kysely<Tables>, session: SessionId): Promise<boolean> {
  const hasEnded = await endSession(db, session, async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable('upload_sessions')
      .set({ state: 'expired' })
      .where('id', '=', session)
      .where('state', '=', 'open')
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  });
  if (hasEnded) await deleteParts(db, session);
  return hasEnded;
}

/** Deletes an open session with its parts, and frees its reserved space. Returns false if it is not open. */
export async function deleteOpenSession(db: Kysely<Tables>, session: SessionId): Promise<boolean> {
  return endSession(db, session, async (tx) => {
    const { numDeletedRows } = await tx
      .deleteFrom('upload_sessions')
      .where('id', '=', session)
      .where('state', '=', 'open')
      .executeTakeFirst();
    return numDeletedRows === 1n;
  });
}

/** Runs `end`. If that has ended the session, frees its reserved space and marks its blob for deletion. */
function endSession(
  db: Kysely<Tables>,
  session: SessionId,
  end: (tx: Transaction<Tables>) => Promise<boolean>,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const row = await tx
      .selectFrom('upload_sessions')
      .select(['owner_id', 'file_size', 'blob_id'])
      .where('id', '=', session)
      .where('state', '=', 'open')
      .executeTakeFirst();
    if (row === undefined) return false;
    // The tree is locked before the session's row, in the same order as by a commit.
    await lockTree(tx, row.owner_id);
    if (!(await end(tx))) return false;
    await markBlobsForDeletion(tx, [row.blob_id]);
    await chargeSpace(tx, row.owner_id, { reserved: -row.file_size }, undefined);
    return true;
  });
}

/** Lists open sessions that have expired by `now`, oldest first. */
export async function listOverdueSessions(db: Kysely<Tables>, now: Millis, limit: number): Promise<Session[]> {
  const rows = await db
    .selectFrom('upload_sessions')
    .selectAll()
    .where('state', '=', 'open')
    .where('expires_at', '<=', now)
    .orderBy('expires_at')
    .limit(limit)
    .execute();
  return rows.map(sessionFromRow);
}

/** Lists open sessions that were created after `createdAfter` and expire after `expiringAfter`, according to their rows. */
export async function listFutureSessions(
  db: Kysely<Tables>,
  { createdAfter, expiringAfter }: { createdAfter: Millis; expiringAfter: Millis },
  limit: number,
): Promise<Session[]> {
  const rows = await db
    .selectFrom('upload_sessions')
    .selectAll()
    .where('state', '=', 'open')
    .where('expires_at', '>', expiringAfter)
    .where('created_at', '>', createdAfter)
    .limit(limit)
    .execute();
  return rows.map(sessionFromRow);
}

/** Lists open sessions by ID, starting after `after`. */
export async function listOpenSessions(db: Kysely<Tables>, after: string, limit: number): Promise<Session[]> {
  const rows = await db
    .selectFrom('upload_sessions')
    .selectAll()
    .where('state', '=', 'open')
    .where('id', '>', after as SessionId)
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(sessionFromRow);
}

const ENDED_BATCH = 100;

/**
 * Deletes ended sessions, which were kept only to answer clients: committed sessions that expired before `now`, and expired
 * sessions that expired before `expiredBefore`.
 */
export async function deleteEndedSessions(
  db: Kysely<Tables>,
  { now, expiredBefore }: { now: Millis; expiredBefore: Millis },
): Promise<void> {
  await deleteEnded(db, 'committed', now);
  await deleteEnded(db, 'expired', expiredBefore);
}

async function deleteEnded(db: Kysely<Tables>, state: SessionState, before: Millis): Promise<void> {
  for (;;) {
    const ended = await db
      .selectFrom('upload_sessions')
      .select('id')
      .where('state', '=', state)
      .where('expires_at', '<=', before)
      .orderBy('expires_at')
      .limit(ENDED_BATCH)
      .execute();
    for (const { id } of ended) {
      await deleteParts(db, id);
      await db.deleteFrom('upload_sessions').where('id', '=', id).where('state', '=', state).execute();
    }
    if (ended.length < ENDED_BATCH) return;
  }
}

/** Finds the blobs among `blobIds` that a version or an open session references. */
export async function findReferencedBlobs(db: Kysely<Tables>, blobIds: readonly BlobId[]): Promise<Set<BlobId>> {
  if (blobIds.length === 0) return new Set();
  const rows = await selectReferences(db, blobIds).execute();
  return new Set(rows.map((row) => row.blob_id));
}

/**
 * Finds the blobs among `blobIds` that any row explains: the referenced ones, and those with a row in `unreferenced_blobs`.
 * One statement, because a blob can change from one to the other meanwhile.
 */
export async function findExplainedBlobs(db: Kysely<Tables>, blobIds: readonly BlobId[]): Promise<Set<BlobId>> {
  if (blobIds.length === 0) return new Set();
  const unreferenced = db.selectFrom('unreferenced_blobs').select('blob_id as blob_id').where('blob_id', 'in', blobIds);
  const rows = await selectReferences(db, blobIds).unionAll(unreferenced).execute();
  return new Set(rows.map((row) => row.blob_id));
}

function selectReferences(db: Kysely<Tables>, blobIds: readonly BlobId[]) {
  return db
    .selectFrom('versions')
    .select('blob_id')
    .where('blob_id', 'in', blobIds)
    .unionAll(
      db.selectFrom('upload_sessions').select('blob_id').where('blob_id', 'in', blobIds).where('state', '=', 'open'),
    );
}

/** Maximum number of part rows that one statement deletes. */
export const PART_BATCH = 1_000;

/** Deletes the parts of a session that has ended, in several statements, so that other requests do not wait long. */
export async function deleteParts(db: Kysely<Tables>, session: SessionId): Promise<void> {
  for (;;) {
    const { numDeletedRows } = await db
      .deleteFrom('parts')
      .where('session_id', '=', session)
      .where('part_index', 'in', (eb) =>
        eb
          .selectFrom('parts')
          .select('part_index')
          .where('session_id', '=', session)
          .orderBy('part_index')
          .limit(PART_BATCH),
      )
      .executeTakeFirst();
    if (numDeletedRows < PART_BATCH) return;
  }
}
