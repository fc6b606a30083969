import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis, NodeId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { type Instant, shifted } from '../../database/time.ts';
import { DigestStateUnusable, type SavedDigests } from '../../hash-workers/resumable-pool.ts';
import type { ContentStore } from '../../storage/blob-store.ts';
import { oneAhead } from '../../util/prefetch.ts';
import { inPieces } from '../../util/rechunk.ts';
import { sealParts } from '../check-listed-parts.ts';
import type { Session, StoredPart } from '../session.ts';
import { advanceMark, type DigestMark, giveReadingBack, takeBack, takeReading, VOID } from './checkpoint.ts';

/** What reading back works with. */
export interface ReadBackParts {
  db: Kysely<Tables>;
  content: ContentStore;
  digests: SavedDigests;
  /** This process. */
  node: NodeId;
  /** The clock of whoever may read: the database's, where that is several nodes. */
  now: () => Instant;
}

/** For how long the others leave it to a node that reads; it is prolonged whenever the mark is saved. */
const ALONE_FOR: Millis = 30_000;
/** How often the mark is saved, and with it that somebody is at work. */
const SAVE_EVERY: Millis = 2_000;
/** How long a node waits that finds another one reading. */
const PAUSE: Millis = 500;

/**
 * The slow way, where bytes that the digest still needs are at no node's hand: seals the object, which all of its parts
 * allow, and reads it once from the mark on. Returns when it has reached the end, or when somebody else has moved the
 * mark or is reading: the caller looks at the mark again. Rejects where the bytes cannot be sealed or read.
 */
export async function readBack(parts: ReadBackParts, session: Session, stored: readonly StoredPart[]): Promise<void> {
  const { db, content, node, now } = parts;
  const mark = await takeReading(db, session.id, { by: node, now: now(), until: shifted(now(), ALONE_FOR) });
  if (mark === undefined) {
    await sleep(PAUSE);
    return;
  }
  try {
    await sealParts(content, session, stored);
    await readFrom(parts, session, mark);
  } catch (error) {
    if (!(error instanceof DigestStateUnusable)) throw error;
    await takeBack(db, session.id, { from: mark, by: node });
  } finally {
    // Should this fail too, the others wait until its time is over.
    await giveReadingBack(db, session.id, node).catch(() => {});
  }
}

async function readFrom(
  { db, content, digests, node, now }: ReadBackParts,
  session: Session,
  mark: DigestMark,
): Promise<void> {
  const { content: id, grid } = session.staging;
  let [saved, slots, state] = [mark, Math.max(0, mark.slots), mark.state];
  if (slots === grid.slots) return;

  const save = async (): Promise<boolean> => {
    // One that was taken back moves at the end only. From half-way, a node would go on that has a part as it was before
    // the store lost it.
    const to = mark.slots < 0 && slots < grid.slots ? VOID : { slots, state };
    const readingUntil = shifted(now(), ALONE_FOR);
    const moved = await advanceMark(db, session.id, { from: saved, to, by: node, calling: false, readingUntil });
    saved = to;
    return moved !== undefined;
  };
  const stream = await content.open(id, { first: slots * grid.partSize, last: grid.fileSize - 1 });
  let savedAt = performance.now();
  let begun = 0;
  for await (const piece of oneAhead(inPieces(stream, grid.partSize))) {
    begun += piece.length;
    state = await digests.extend(state, piece);
    const whole = begun === Math.min(grid.partSize, grid.fileSize - slots * grid.partSize);
    if (!whole) continue;
    slots += 1;
    begun = 0;
    if (performance.now() - savedAt < SAVE_EVERY) continue;
    if (!(await save())) return;
    savedAt = performance.now();
  }
  if (slots < grid.slots)
    throw new Error(`the sealed bytes of ${id} ended early: after slot ${slots} of ${grid.slots}`);
  await save();
}
