import type { ContentId } from '../api/ids.ts';
import type { Files } from './files.ts';
import { inBatches } from './in-batches.ts';

/**
 * Removes the bytes of versions that are gone, but for those that another version names. It asks only after the rows are
 * gone for certain: a content that nothing names then is named by nothing ever again, for a copy needs a version.
 */
export async function dropContents({ db, content }: Files, contents: readonly ContentId[]): Promise<void> {
  const named = await inBatches(contents, (batch) =>
    db.selectFrom('versions').select('content_id').distinct().where('content_id', 'in', batch).execute(),
  );
  const kept = new Set(named.map((row) => row.content_id));
  for (const id of contents) if (!kept.has(id)) await content.remove(id);
}
