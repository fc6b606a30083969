import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import type { Fault } from '../faults/faulty.ts';
import { type FileFault, openingWith } from '../storage/opening-with.ts';
import { openRoom, type Room } from './room.ts';
import { watchQueries } from './watch-queries.ts';

/** The path of a file that is being uploaded. */
export const STAGED: RegExp = /staging.[0-9a-f]{32}$/;

/** What is written down of an act, in the order in which it is done. */
export interface Watched {
  room: Room;
  log: string[];
}

/** A room that logs what is synced and which rows are written, each when it is done. */
export async function watchedRoom(faults: FileFault[] = []): Promise<Watched> {
  const log: string[] = [];
  const files = new DurableFiles({ openFile: openingWith({ log, faults }) });
  const plan: Fault<BlobStore>[] = (['create', 'writePart', 'complete'] as const).map((method) => ({
    method,
    when: 'after',
    hook: () => log.push(`${method} done`),
  }));
  const room = await openRoom({ files, plan });
  room.uploads.db = watchQueries(room.uploads.db, {
    after: (query) => {
      if (!query.startsWith('select')) log.push(query);
    },
  });
  log.length = 0;
  return { room, log };
}
