import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis, NodeId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { type Instant, shifted } from '../../database/time.ts';
import { DigestStateUnusableError, type ResumableHashPool } from '../../hash-workers/resumable-pool.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { rechunk } from '../../util/chunks.ts';
import { prefetch } from '../../util/prefetch.ts';
import { completeBlob } from '../check-listed-parts.ts';
import type { Session, StoredPart } from '../session.ts';
import {
  acquireReadLease,
  type HashCheckpoint,
  REHASH,
  releaseReadLease,
  resetHashCheckpoint,
  saveHashCheckpoint,
} from './checkpoint.ts';

/** What reading back works with. */
export interface RehashDeps {
  db: Kysely<Tables>;
  blobs: BlobStore;
  digests: ResumableHashPool;
  /** This process. */
  node: NodeId;
  /** The clock of whoever may read: the database's, where that is several nodes. */
  now: () => Instant;
}

/** For how long the others leave it to a node that reads; it is prolonged whenever the mark is saved. */
const LEASE: Millis = 30_000;
/** How often the mark is saved, and with it that somebody is at work. */
const SAVE_EVERY: Millis = 2_000;
/** How long a node waits that finds another one reading. */
const PAUSE: Millis = 500;

/**
 * The slow way, where bytes that the digest still needs are at no node's hand: seals the object, which all of its parts
 * allow, and reads it once from the mark on. Returns when it has reached the end, or when somebody else has moved the
 * mark or is reading: the caller looks at the mark again. Rejects where the bytes cannot be sealed or read.
 */
export async function rehashFromStore(
  parts: RehashDeps,
  session: Session,
  stored: readonly StoredPart[],
): Promise<void> {
  const { db, blobs, node, now } = parts;
  const checkpoint = await acquireReadLease(db, session.id, { by: node, now: now(), until: shifted(now(), LEASE) });
  if (checkpoint === undefined) {
    await sleep(PAUSE);
    return;
  }
  try {
    await completeBlob(blobs, session, stored);
    await readFrom(parts, session, checkpoint);
  } catch (error) {
    if (!(error instanceof DigestStateUnusableError)) throw error;
    await resetHashCheckpoint(db, session.id, { from: checkpoint, by: node });
  } finally {
    // Should this fail too, the others wait until its time is over.
    await releaseReadLease(db, session.id, node).catch(() => {});
  }
}

async function readFrom(
  { db, blobs, digests, node, now }: RehashDeps,
  session: Session,
  checkpoint: HashCheckpoint,
): Promise<void> {
  const { blob: id, layout } = session.staged;
  let [saved, slots, state] = [checkpoint, Math.max(0, checkpoint.parts), checkpoint.state];
  if (slots === layout.partCount) return;

  const save = async (): Promise<boolean> => {
    // One that was taken back moves at the end only. From half-way, a node would go on that has a part as it was before
    // the store lost it.
    const to = checkpoint.parts < 0 && slots < layout.partCount ? REHASH : { parts: slots, state };
    const readingUntil = shifted(now(), LEASE);
    const moved = await saveHashCheckpoint(db, session.id, {
      from: saved,
      to,
      by: node,
      notify: false,
      leaseUntil: readingUntil,
    });
    saved = to;
    return moved !== undefined;
  };
  const stream = await blobs.read(id, { first: slots * layout.partSize, last: layout.fileSize - 1 });
  let savedAt = performance.now();
  let begun = 0;
  for await (const piece of prefetch(rechunk(stream, layout.partSize))) {
    begun += piece.length;
    state = await digests.extend(state, piece);
    const whole = begun === Math.min(layout.partSize, layout.fileSize - slots * layout.partSize);
    if (!whole) continue;
    slots += 1;
    begun = 0;
    if (performance.now() - savedAt < SAVE_EVERY) continue;
    if (!(await save())) return;
    savedAt = performance.now();
  }
  if (slots < layout.partCount)
    throw new Error(`the sealed bytes of ${id} ended early: after slot ${slots} of ${layout.partCount}`);
  await save();
}
