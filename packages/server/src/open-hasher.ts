import { randomBytes } from 'node:crypto';
import type { NodeId, SessionId } from '@partway/protocol/ids';
import { Bell } from './database/postgres/listener.ts';
import { DATABASE_NOW } from './database/time.ts';
import { openDigestPool } from './hash-workers/native-pool.ts';
import { openSavedDigests } from './hash-workers/resumable-pool.ts';
import type { ContentStore } from './storage/blob-store.ts';
import { FollowerOverRows } from './uploads/hashing/distributed.ts';
import type { Follower } from './uploads/hashing/hasher.ts';
import { FollowerInMemory } from './uploads/hashing/in-memory.ts';
import { NodeCalls } from './uploads/hashing/node-messages.ts';
import { LedgerOfMany } from './uploads/registry/multi-node.ts';
import type { Ledger, LedgerParts } from './uploads/registry/part-registry.ts';
import { LedgerOfOne } from './uploads/registry/single-node.ts';

/** How many sessions' digests a process remembers. */
const MOST_FOLLOWED = 10_000;

/** What is followed, and by whom. Kept as it is, so that what is put into it later counts. */
interface FollowedRoom extends LedgerParts {
  content: ContentStore;
}

interface FollowingOptions {
  /** Whether the bytes of an upload under way can be read by this process after a restart, as on a disk of its own. */
  keepsBytes: boolean;
  /** Of the PostgreSQL database that nodes share; undefined for SQLite. */
  url: string | undefined;
  threads: number;
  onTrouble: (session: SessionId | undefined, error: unknown) => void;
  mostSessions?: number;
}

/** What knows of sessions' slots and digests. */
interface Following {
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

/** A new one for each start: what a process had at hand goes with it. */
export function newNodeId(): NodeId {
  return randomBytes(8).toString('hex') as NodeId;
}
