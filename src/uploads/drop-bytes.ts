import type { Staging } from '../content/content.ts';
import { forgetBlobs } from '../files/unreferenced-blobs.ts';
import { findOwnedContents } from './records.ts';
import type { Uploads } from './uploads.ts';

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
