import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { abortSession } from '../../packages/server/src/uploads/end-session.ts';
import { openUploadFixture } from '../uploads/upload-fixture.ts';
import { commitUpload, createUpload, sendAllParts, sendPart } from '../uploads/upload-steps.ts';
import { type QueryName, watchQueries } from '../uploads/watch-queries.ts';
import { type AsyncMethod, faulty } from './faulty.ts';

/** Just before or just after the n-th time that something is done. */
export interface DeathPoint {
  when: 'before' | 'after';
  what: AsyncMethod<BlobStore> | QueryName | 'answer';
  call?: number;
}

/** How crash-points.test.ts passes a death point to this process. */
export interface DyingChildOptions extends DeathPoint {
  folder: string;
  /** Uploads and commits, or uploads and aborts. */
  end: 'commit' | 'abort';
}

export const SLOTS = 3;
export const SEED = 'the file of the dying child';

if (process.argv[2] !== undefined) await upload(JSON.parse(process.argv[2]) as DyingChildOptions);

async function upload({ folder, end, when, what, call = 1 }: DyingChildOptions): Promise<void> {
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
