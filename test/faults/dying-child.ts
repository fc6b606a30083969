import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { abortSession } from '../../packages/server/src/uploads/end-session.ts';
import { openUploadFixture } from '../uploads/upload-fixture.ts';
import { commitUpload, createUpload, sendAllParts, sendPart } from '../uploads/upload-steps.ts';
import { type QueryName, watchQueries } from '../uploads/watch-queries.ts';
import { type AsyncMethod, faulty } from './faulty.ts';

/** Just before or just after something is done for the n-th time. */
export interface DeathPoint {
  when: 'before' | 'after';
  what: AsyncMethod<BlobStore> | QueryName | 'answer';
  call?: number;
}

/** How a death point comes to this process, which is started by crash-points.test.ts. */
export interface DyingChildOrders extends DeathPoint {
  folder: string;
  /** Uploads and commits, or uploads and aborts. */
  end: 'commit' | 'abort';
}

export const SLOTS = 3;
export const SEED = 'the file of the dying child';

if (process.argv[2] !== undefined) await upload(JSON.parse(process.argv[2]) as DyingChildOrders);

async function upload({ folder, end, when, what, call = 1 }: DyingChildOrders): Promise<void> {
  await using fixture = await openUploadFixture({ folder });
  let left = call;
  const reached = (): void => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const { uploads } = fixture;
  if (what in uploads.blobs) {
    const method = what as AsyncMethod<BlobStore>;
    uploads.blobs = faulty(uploads.blobs, [{ method, when, hook: reached }]);
  }
  uploads.db = watchQueries(uploads.db, { [when]: (query: QueryName) => query === what && reached() });

  const its = await createUpload(fixture, { partCount: SLOTS, name: 'file.bin', seed: SEED });
  await sendPart(fixture, its, 1);
  await sendAllParts(fixture, its);
  if (end === 'commit') await commitUpload(fixture, its);
  else await abortSession(uploads, its.session.owner, its.session.id);
  if (what === 'answer') reached();
}
