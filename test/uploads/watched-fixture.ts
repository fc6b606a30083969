import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import type { Fault } from '../faults/faulty.ts';
import { type FileFault, openWithFaults } from '../storage/open-with-faults.ts';
import { openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import { watchQueries } from './watch-queries.ts';

/** The path of a file that is being uploaded. */
export const STAGED: RegExp = /staging.[0-9a-f]{32}$/;

/** A log of what is done, in order. */
export interface WatchedFixture {
  fixture: UploadFixture;
  log: string[];
}

/** A fixture that logs syncs and row changes, each when it is complete. */
export async function openWatchedFixture(faults: FileFault[] = []): Promise<WatchedFixture> {
  const log: string[] = [];
  const files = new DurableFiles({ openFile: openWithFaults({ log, faults }) });
  const plan: Fault<BlobStore>[] = (['create', 'writePart', 'complete'] as const).map((method) => ({
    method,
    when: 'after',
    hook: () => log.push(`${method} done`),
  }));
  const fixture = await openUploadFixture({ files, plan });
  fixture.uploads.db = watchQueries(fixture.uploads.db, {
    after: (query) => {
      if (!query.startsWith('select')) log.push(query);
    },
  });
  log.length = 0;
  return { fixture, log };
}
