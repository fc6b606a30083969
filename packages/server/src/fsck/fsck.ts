import { checkBlobs } from './blobs.ts';
import type { FsckContext } from './context.ts';
import { checkCounters } from './counters.ts';
import { checkOrphans } from './orphans.ts';
import { checkSessions } from './sessions.ts';
import { checkVersions } from './versions.ts';

/** What a check went through. */
export interface FsckResult {
  /** Distinct contents that versions name, each read whole. */
  contents: number;
  /** Parts of open sessions that were read. */
  parts: number;
  /** Parts whose bytes the store cannot give back before they are a file: they were proven when they came in. */
  partsOutOfReach: number;
  /** Bytes without a row that are younger than the grace. */
  young: number;
  bytes: number;
}

/**
 * Reads everything that rows name, and lists everything that none names. Safe beside a running server: whatever looks
 * wrong is asked for once more before it is told, since it may just have been deleted, committed or aborted. Mending is
 * not safe beside one.
 */
export async function fsck(check: FsckContext): Promise<FsckResult> {
  const checked: FsckResult = { contents: 0, parts: 0, partsOutOfReach: 0, young: 0, bytes: 0 };
  const counting: FsckContext = {
    ...check,
    read(bytes) {
      checked.bytes += bytes;
      check.read(bytes);
    },
  };
  await checkVersions(counting);
  checked.young = (await checkOrphans(counting)).young;
  checked.contents = await checkBlobs(counting);
  const { parts, outOfReach } = await checkSessions(counting);
  checked.parts = parts;
  checked.partsOutOfReach = outOfReach;
  await checkCounters(counting);
  return checked;
}
