import type { Kysely } from 'kysely';
import type { ItemId, SessionId, VersionId } from '../../packages/protocol/src/ids.ts';
import type { Tables, UserRow } from '../../packages/server/src/database/schema.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { recordBlob } from '../../packages/server/src/files/blobs.ts';
import type { Session } from '../../packages/server/src/uploads/session.ts';
import {
  deleteOpenSession,
  insertSession,
  setCommitted,
  setExpired,
} from '../../packages/server/src/uploads/session-store.ts';
import { newPart, newSession, newSha1, type randomBlobId } from '../uploads/session-samples.ts';

/** A database with the schema and without rows, and how to remove it. */
export interface DatabaseUnderTest {
  db: Kysely<Tables>;
  /** Opens another connection to the same database, like another node. */
  openAnother(): Promise<Kysely<Tables>>;
  close(): Promise<void>;
}

/** The same during a test, with a user who owns the uploads. */
export interface DatabaseFixture extends DatabaseUnderTest {
  owner: UserRow;
}

/** Declares a test that gets its own database. */
export type Behaves = (sentence: string, body: (under: DatabaseFixture) => Promise<void>) => void;

export const NOW = 500_000;
/** How often a race is repeated. Each time the result can be different; the assertions hold for all of them. */
export const ROUNDS = 10;

/** The ways in which an open session ends. Each returns whether this call ended it. */
export const ENDS = {
  committed: (db: Kysely<Tables>, session: SessionId) =>
    db
      .transaction()
      .execute((tx) =>
        setCommitted(tx, session, { fileId: newId<ItemId>(), versionId: newId<VersionId>(), sha1: newSha1() }),
      ),
  expired: setExpired,
  deleted: deleteOpenSession,
} satisfies Record<string, (db: Kysely<Tables>, session: SessionId) => Promise<boolean>>;
export type End = keyof typeof ENDS;
export const ALL_ENDS: readonly End[] = Object.keys(ENDS) as End[];

/** Creates a session in the database. */
export async function openSession(u: DatabaseFixture, change: Partial<Session> = {}): Promise<Session> {
  const session = newSession(u.owner, change);
  await recordBlob(u.db, { blob: session.staged.blob, owner: session.owner }, NOW);
  await insertSession(u.db, session, NOW);
  return session;
}

/** Records the first `slots` parts, many in one statement. */
export async function insertManyParts({ db }: DatabaseFixture, session: SessionId, slots: number): Promise<void> {
  for (let from = 0; from < slots; from += 1000) {
    const rows = Array.from({ length: Math.min(1000, slots - from) }, (_, n) => ({
      session_id: session,
      ...rowOf(newPart(from + n)),
      created_at: NOW,
    }));
    await db.insertInto('parts').values(rows).execute();
  }
}

function rowOf({ index, sha1, tag }: ReturnType<typeof newPart>) {
  return { part_index: index, sha1, tag };
}

export function committedFile({ owner }: DatabaseFixture, blob: ReturnType<typeof randomBlobId>) {
  return { blob, size: 80_000, sha1: newSha1(), by: owner.id, now: NOW, maxItems: 1_000 };
}

/** The elements in turn, starting again after the last. */
export function turn<T>(all: readonly T[], n: number): T {
  return all[n % all.length] as T;
}
