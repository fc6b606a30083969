import { forgetBlobs } from '../files/blobs.ts';
import type { Staging } from '../storage/blob-store.ts';
import type { Uploads } from './context.ts';
import { findOwnedContents } from './session-store.ts';

/**
 * Removes the bytes of a session that has ended without a file. The only way by which a session's bytes go: it asks
 * last whether a version names them, so that no order of commit, abort, expiry and crash can take a published file.
 */
export async function dropBytes({ db, content }: Pick<Uploads, 'db' | 'content'>, staging: Staging): Promise<void> {
  const named = await findOwnedContents(db, [staging.content]);
  if (named.has(staging.content)) return;
  await content.remove(staging);
  await forgetBlobs(db, [staging.content]);
}
