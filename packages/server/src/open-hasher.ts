import { randomBytes } from 'node:crypto';
import type { NodeId, SessionId } from '@partway/protocol/ids';
import { PostgresListener } from './database/postgres/listener.ts';
import { DATABASE_NOW } from './database/time.ts';
import { openNativeHashPool } from './hash-workers/native-pool.ts';
import { openResumableHashPool } from './hash-workers/resumable-pool.ts';
import type { BlobStore } from './storage/blob-store.ts';
import { DistributedHasher } from './uploads/hashing/distributed.ts';
import type { Hasher } from './uploads/hashing/hasher.ts';
import { InMemoryHasher } from './uploads/hashing/in-memory.ts';
import { NodeMessages } from './uploads/hashing/node-messages.ts';
import { MultiNodeRegistry } from './uploads/registry/multi-node.ts';
import type { PartRegistry, RegistryDeps } from './uploads/registry/part-registry.ts';
import { SingleNodeRegistry } from './uploads/registry/single-node.ts';

/** How many sessions' digests a process remembers. */
const MAX_SESSIONS = 10_000;

/** What is followed, and by whom. Kept as it is, so that what is put into it later counts. */
interface HashedBlobs extends RegistryDeps {
  blobs: BlobStore;
}

interface HasherOptions {
  /** Whether the bytes of an upload under way can be read by this process after a restart, as on a disk of its own. */
  keepsBytes: boolean;
  /** Of the PostgreSQL database that nodes share; undefined for SQLite. */
  url: string | undefined;
  threads: number;
  onError: (session: SessionId | undefined, error: unknown) => void;
  maxSessions?: number;
}

/** What knows of sessions' slots and digests. */
interface OpenedHasher {
  registry: PartRegistry;
  hasher: Hasher;
  close(): Promise<void>;
}

/**
 * Chooses how slots and digests are kept. Bytes on a disk of its own: one node, digests in memory by the fastest SHA-1.
 * Bytes beyond a network: digests in rows, since what is stored cannot be read back before it is whole; and where the
 * rows are shared too, by as many nodes as there are.
 */
export function openHasher(
  room: HashedBlobs,
  { keepsBytes, url, threads, onError, maxSessions = MAX_SESSIONS }: HasherOptions,
): OpenedHasher {
  const { db, blobs, node, clock } = room;
  const shared = { db, blobs, maxSessions, onError };
  if (keepsBytes) {
    const digests = openNativeHashPool({ workers: threads });
    return {
      registry: new SingleNodeRegistry(room),
      hasher: new InMemoryHasher({ ...shared, digests }),
      close: () => digests.close(),
    };
  }
  const digests = openResumableHashPool({ workers: threads });
  const listener =
    url === undefined ? undefined : new PostgresListener(url, { onError: (error) => onError(undefined, error) });
  const calls = listener && new NodeMessages(db, listener);
  const hasher = new DistributedHasher({
    ...shared,
    digests,
    node,
    messages: calls,
    now: url === undefined ? () => clock.now() : () => DATABASE_NOW,
  });
  return {
    registry: url === undefined ? new SingleNodeRegistry(room) : new MultiNodeRegistry(room),
    hasher,
    async close() {
      hasher.stop();
      await listener?.close();
      await digests.close();
    },
  };
}

/** A new one for each start: what a process had at hand goes with it. */
export function newNodeId(): NodeId {
  return randomBytes(8).toString('hex') as NodeId;
}
