import type { ContentId } from '@partway/protocol/ids';
import { forgetBlobs } from './blobs.ts';
import type { Files } from './context.ts';
import { inBatches } from './in-batches.ts';

/** Well below what a statement takes as parameters anywhere. */
const BATCH = 500;

/**
 * Removes the bytes of versions that are gone, but for those that another version names. It asks only after the rows are
 * gone for certain: a content that nothing names then is named by nothing ever again, for a copy needs a version.
 */
export async function dropContents({ db, content }: Files, contents: readonly ContentId[]): Promise<void> {
  const named = await inBatches(contents, (batch) =>
    db.selectFrom('versions').select('content_id').distinct().where('content_id', 'in', batch).execute(),
  );
  const kept = new Set(named.map((row) => row.content_id));
  const gone = contents.filter((id) => !kept.has(id));
  for (const id of gone) await content.remove(id);
  for (let from = 0; from < gone.length; from += BATCH) await forgetBlobs(db, gone.slice(from, from + BATCH));
}
