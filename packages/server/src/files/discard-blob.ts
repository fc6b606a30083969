import type { ContentId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { ContentStore, Staging } from '../storage/blob-store.ts';
import { forgetBlobs, giveUpBlob } from './blobs.ts';

/**
 * Gives up a blob that was noted, and whose writer has failed: what it had reserved is given back, then its bytes are
 * deleted. Does nothing if it has got a name after all.
 */
export async function discardBlob(
  { db, content }: { db: Kysely<Tables>; content: Pick<ContentStore, 'remove'> },
  target: ContentId | Staging,
): Promise<void> {
  const blob = typeof target === 'string' ? target : target.content;
  if (!(await giveUpBlob(db, blob))) return;
  await content.remove(target);
  await forgetBlobs(db, [blob]);
}
