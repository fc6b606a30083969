import type { SessionId } from './api/ids.ts';
import type { ContentStore } from './content/content.ts';
import { openDigestPool } from './digest/digest-pool.ts';
import { openSavedDigests } from './digest/saved-digests.ts';
import { Bell } from './sql/bell.ts';
import { DATABASE_NOW } from './sql/instant.ts';
import { FollowerInMemory } from './uploads/follow.ts';
import { FollowerOverRows } from './uploads/follow-over-rows.ts';
import type { Follower } from './uploads/follower.ts';
import type { Ledger, LedgerParts } from './uploads/ledger.ts';
import { LedgerOfMany } from './uploads/ledger-of-many.ts';
import { LedgerOfOne } from './uploads/ledger-of-one.ts';
import { NodeCalls } from './uploads/node-calls.ts';

/** How many sessions' digests a process remembers. */
const MOST_FOLLOWED = 10_000;

/** What is followed, and by whom. Kept as it is, so that what is put into it later counts. */
export interface FollowedRoom extends LedgerParts {
  content: ContentStore;
}

export interface FollowingOptions {
  /** Whether the bytes of an upload under way can be read by this process after a restart, as on a disk of its own. */
  keepsBytes: boolean;
  /** Of the PostgreSQL database that nodes share; undefined for SQLite. */
  url: string | undefined;
  threads: number;
  onTrouble: (session: SessionId | undefined, error: unknown) => void;
  mostSessions?: number;
}

/** What knows of sessions' slots and digests. */
export interface Following {
  ledger: Ledger;
  follower: Follower;
  close(): Promise<void>;
}

/**
 * Chooses how slots and digests are kept. Bytes on a disk of its own: one node, digests in memory by the fastest SHA-1.
 * Bytes beyond a network: digests in rows, since what is stored cannot be read back before it is whole; and where the
 * rows are shared too, by as many nodes as there are.
 */
export function openFollowing(
  room: FollowedRoom,
  { keepsBytes, url, threads, onTrouble, mostSessions = MOST_FOLLOWED }: FollowingOptions,
): Following {
  const { db, content, node, clock } = room;
  const shared = { db, content, mostSessions, onTrouble };
  if (keepsBytes) {
    const digests = openDigestPool({ workers: threads });
    return {
      ledger: new LedgerOfOne(room),
      follower: new FollowerInMemory({ ...shared, digests }),
      close: () => digests.close(),
    };
  }
  const digests = openSavedDigests({ workers: threads });
  const bell = url === undefined ? undefined : new Bell(url, { onTrouble: (error) => onTrouble(undefined, error) });
  const calls = bell && new NodeCalls(db, bell);
  const follower = new FollowerOverRows({
    ...shared,
    digests,
    node,
    calls,
    now: url === undefined ? () => clock.now() : () => DATABASE_NOW,
  });
  return {
    ledger: url === undefined ? new LedgerOfOne(room) : new LedgerOfMany(room),
    follower,
    async close() {
      follower.stop();
      await bell?.close();
      await digests.close();
    },
  };
}
