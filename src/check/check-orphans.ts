import type { ContentId } from '../api/ids.ts';
import type { StoredContent } from '../content/content.ts';
import { findOwnedContents } from '../uploads/records.ts';
import type { Check } from './check.ts';

const BATCH = 100;

/**
 * Bytes without rows. Listed first and held against the rows after that, in the order of the sweep, so that what gets
 * its row meanwhile is not taken for an orphan.
 */
export async function checkOrphans(check: Check): Promise<{ young: number }> {
  const { content, clock, grace } = check;
  const oldEnough = clock.fileExpiryTime() - grace;
  let young = 0;
  let batch: StoredContent[] = [];
  for await (const stored of content.list()) {
    batch.push(stored);
    if (batch.length < BATCH) continue;
    young += await checkBatch(check, batch, oldEnough);
    batch = [];
  }
  young += await checkBatch(check, batch, oldEnough);
  return { young };
}

async function checkBatch({ db, content, found }: Check, batch: StoredContent[], oldEnough: number): Promise<number> {
  if (batch.length === 0) return 0;
  const ids = batch.map((stored) => stored.content);
  const owned = await findOwnedContents(db, ids);
  let young = 0;
  for (const { content: id, kind, modifiedAt, lastWrite } of batch) {
    if (owned.has(id)) continue;
    if (modifiedAt > oldEnough || (lastWrite !== undefined && (await lastWrite()) > oldEnough)) {
      young += 1;
      continue;
    }
    await found({
      kind: 'content_orphaned',
      message: `The ${kind === 'staging' ? 'unfinished' : 'finished'} content ${id} is named by no row.`,
      about: { content_id: id, place: kind, modified_at: new Date(modifiedAt).toISOString() },
      mend: async () => {
        if ((await findOwnedContents(db, [id])).has(id)) return false;
        await content.remove(id as ContentId);
        return true;
      },
    });
  }
  return young;
}
