import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '../api/ids.ts';
import type { StoredContent } from '../content/content.ts';
import { findOwnedContents } from './records.ts';
import type { Uploads } from './uploads.ts';

const BATCH = 100;
/** How many are suspected at most before they are looked at once more. */
const MOST_SUSPECTS = 10_000;

export interface OrphanSearch {
  /** What was touched less than this long ago is left alone: another node may be storing it. */
  grace: Millis;
  /**
   * What nothing names is looked at once more after this long, and removed only if nothing names it still. For a store
   * that dates a content from when it was begun: one that took longer than `grace` is old in the moment it is whole, and
   * its row comes a moment later.
   */
  settle?: Millis;
  /** Ends the search while it waits for that. */
  signal?: AbortSignal;
}

/**
 * Removes bytes that nothing names: what a crash left between the bytes and their row. What this process is storing is
 * passed over, and so is what is young. In this order: listed, in hand, named by a row; so that what got its row
 * meanwhile is not taken for an orphan.
 * @returns How many it removed.
 */
export async function removeOrphans(uploads: Uploads, search: OrphanSearch): Promise<number> {
  const { content, inHand, clock } = uploads;
  const { grace, settle = 0 } = search;
  const most = settle > 0 ? MOST_SUSPECTS : BATCH;
  const oldEnough = clock.fileExpiryTime() - grace;
  let removed = 0;
  let batch: StoredContent[] = [];
  let suspects: StoredContent[] = [];
  for await (const stored of content.list()) {
    if (stored.modifiedAt > oldEnough || inHand.has(stored.content)) continue;
    batch.push(stored);
    if (batch.length < BATCH) continue;
    suspects.push(...(await nameless(uploads, batch)));
    batch = [];
    if (suspects.length < most) continue;
    removed += await removeStill(uploads, suspects, search);
    suspects = [];
  }
  suspects.push(...(await nameless(uploads, batch)));
  return removed + (await removeStill(uploads, suspects, search));
}

async function removeStill(
  uploads: Uploads,
  suspects: readonly StoredContent[],
  { grace, settle = 0, signal }: OrphanSearch,
): Promise<number> {
  if (suspects.length === 0) return 0;
  if (settle > 0) await sleep(settle, undefined, signal && { signal });
  const oldEnough = uploads.clock.fileExpiryTime() - grace;
  let removed = 0;
  for (let at = 0; at < suspects.length; at += BATCH) {
    const batch = suspects.slice(at, at + BATCH);
    for (const { content, lastWrite } of settle > 0 ? await nameless(uploads, batch) : batch) {
      // Only now, where it is worth the call: a long direct upload at another node was begun long ago as well.
      if (lastWrite !== undefined && (await lastWrite()) > oldEnough) continue;
      await uploads.content.remove(content);
      removed += 1;
    }
  }
  return removed;
}

async function nameless({ db }: Uploads, batch: readonly StoredContent[]): Promise<StoredContent[]> {
  if (batch.length === 0) return [];
  const owned = await findOwnedContents(
    db,
    batch.map(({ content }) => content),
  );
  return batch.filter(({ content }) => !owned.has(content));
}
