import { randomBytes } from 'node:crypto';
import type { Native } from '@partway/native/native';
import type { NodeId, SessionId } from '@partway/protocol/ids';
import { PostgresListener } from '../database/postgres/listener.ts';
import { DATABASE_NOW } from '../database/time.ts';
import { openCryptoHashPool } from '../hash-workers/crypto-pool.ts';
import { openNativeHashPool } from '../hash-workers/native-pool.ts';
import { openNativeResumablePool } from '../hash-workers/native-resumable-pool.ts';
import { openResumableHashPool } from '../hash-workers/resumable-pool.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { DistributedHasher } from '../uploads/hashing/distributed.ts';
import type { Hasher } from '../uploads/hashing/hasher.ts';
import { InMemoryHasher } from '../uploads/hashing/in-memory.ts';
import { NodeMessages } from '../uploads/hashing/node-messages.ts';
import { MultiNodeRegistry } from '../uploads/registry/multi-node.ts';
import type { PartRegistry, RegistryDeps } from '../uploads/registry/part-registry.ts';
import { SingleNodeRegistry } from '../uploads/registry/single-node.ts';

/** Sessions whose hash progress a process keeps in memory. */
const MAX_SESSIONS = 10_000;

/** Dependencies of the hasher and the registry. Read lazily: tests replace fields later. */
interface HasherDeps extends RegistryDeps {
  blobs: BlobStore;
}

interface HasherOptions {
  /** True if this process can read the stored parts of an upload after a restart, as from a local disk. */
  canReadParts: boolean;
  /** URL of the PostgreSQL database that the nodes share; undefined for SQLite. */
  url: string | undefined;
  /** Hashes whole files. Without it, worker threads do. */
  native?: Native | undefined;
  /** Number of worker threads that hash whole files. */
  threads: number;
  onError: (session: SessionId | undefined, error: unknown) => void;
  maxSessions?: number;
}

interface OpenedHasher {
  registry: PartRegistry;
  hasher: Hasher;
  close(): Promise<void>;
}

/**
 * Selects the part registry and the whole-file hasher. With parts on a local disk there is one node, so hashes are kept in
 * memory and computed by the fastest SHA-1. With S3, parts cannot be read before the upload is complete, so hash
 * checkpoints are stored in the database. With S3 and PostgreSQL, there can be several nodes.
 */
export function openHasher(
  deps: HasherDeps,
  { canReadParts, url, native, threads, onError, maxSessions = MAX_SESSIONS }: HasherOptions,
): OpenedHasher {
  const { db, blobs, node, clock } = deps;
  const shared = { db, blobs, maxSessions, onError };
  if (canReadParts) {
    const digests = native === undefined ? openCryptoHashPool({ workers: threads }) : openNativeHashPool(native);
    return {
      registry: new SingleNodeRegistry(deps),
      hasher: new InMemoryHasher({ ...shared, digests }),
      close: () => digests.close(),
    };
  }
  const digests = native === undefined ? openResumableHashPool({ workers: threads }) : openNativeResumablePool(native);
  const listener =
    url === undefined ? undefined : new PostgresListener(url, { onError: (error) => onError(undefined, error) });
  const messages = listener && new NodeMessages(db, listener);
  const hasher = new DistributedHasher({
    ...shared,
    digests,
    node,
    messages,
    now: url === undefined ? () => clock.now() : () => DATABASE_NOW,
  });
  return {
    registry: url === undefined ? new SingleNodeRegistry(deps) : new MultiNodeRegistry(deps),
    hasher,
    async close() {
      hasher.stop();
      await listener?.close();
      await digests.close();
    },
  };
}

/** Creates the ID of this process. It is new at each start, because cached parts do not survive the process. */
export function newNodeId(): NodeId {
  return randomBytes(8).toString('hex') as NodeId;
}
