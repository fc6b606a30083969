import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis, NodeId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { addMillis, type Instant } from '../../database/time.ts';
import { DigestStateUnusableError, type ResumableHashPool } from '../../hash-workers/resumable-pool.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { rechunk } from '../../util/chunks.ts';
import { prefetch } from '../../util/prefetch.ts';
import { completeBlob } from '../check-listed-parts.ts';
import { partRange } from '../part-layout.ts';
import type { Session, StoredPart } from '../session.ts';
import {
  acquireReadLease,
  type HashCheckpoint,
  REHASH,
  releaseReadLease,
  resetHashCheckpoint,
  saveHashCheckpoint,
} from './checkpoint.ts';

export interface RehashDeps {
  db: Kysely<Tables>;
  blobs: BlobStore;
  digests: ResumableHashPool;
  /** This process. */
  node: NodeId;
  /** The time for leases: of the database if several nodes share it, otherwise of this process. */
  now: () => Instant;
}

/** Duration of the read lease. Each saved checkpoint extends it. */
const LEASE: Millis = 30_000;
const SAVE_INTERVAL: Millis = 2_000;
/** Pause before trying again if another node has the lease. */
const PAUSE: Millis = 500;

/**
 * Hashes the rest of a file by reading it from the store. This is the slow path for parts that no node has in its cache. It
 * needs all parts of the session: it completes the blob, and reads it once from the checkpoint. Returns at the end of the
 * file, or if another node has moved the checkpoint or holds the lease; the caller then reads the checkpoint again. Rejects
 * if the blob cannot be completed or read.
 */
export async function rehashFromStore(deps: RehashDeps, session: Session, parts: readonly StoredPart[]): Promise<void> {
  const { db, blobs, node, now } = deps;
  const checkpoint = await acquireReadLease(db, session.id, { by: node, now: now(), until: addMillis(now(), LEASE) });
  if (checkpoint === undefined) {
    await sleep(PAUSE);
    return;
  }
  try {
    await completeBlob(blobs, session, parts);
    await hashFrom(deps, session, checkpoint);
  } catch (error) {
    if (!(error instanceof DigestStateUnusableError)) throw error;
    await resetHashCheckpoint(db, session.id, { from: checkpoint, by: node });
  } finally {
    // If this fails, the lease expires.
    await releaseReadLease(db, session.id, node).catch(() => {});
  }
}

async function hashFrom(
  { db, blobs, digests, node, now }: RehashDeps,
  session: Session,
  checkpoint: HashCheckpoint,
): Promise<void> {
  const { blob, layout } = session.staged;
  let [saved, parts, state] = [checkpoint, Math.max(0, checkpoint.parts), checkpoint.state];
  if (parts === layout.partCount) return;

  const save = async (): Promise<boolean> => {
    // After a reset, only the final checkpoint is saved. From one in the middle, a node could continue with a cached part
    // from before the store lost it.
    const to = checkpoint.parts < 0 && parts < layout.partCount ? REHASH : { parts, state };
    const result = await saveHashCheckpoint(db, session.id, {
      from: saved,
      to,
      by: node,
      notify: false,
      leaseUntil: addMillis(now(), LEASE),
    });
    saved = to;
    return result !== undefined;
  };
  const stream = await blobs.read(blob, { first: parts * layout.partSize, last: layout.fileSize - 1 });
  let savedAt = performance.now();
  let bytesOfPart = 0;
  for await (const chunk of prefetch(rechunk(stream, layout.partSize))) {
    bytesOfPart += chunk.length;
    state = await digests.extend(state, chunk);
    if (bytesOfPart !== partRange(layout, parts).length) continue;
    parts += 1;
    bytesOfPart = 0;
    if (performance.now() - savedAt < SAVE_INTERVAL) continue;
    if (!(await save())) return;
    savedAt = performance.now();
  }
  if (parts < layout.partCount) {
    throw new Error(`the blob ${blob} ended early: after part ${parts} of ${layout.partCount}`);
  }
  await save();
}
