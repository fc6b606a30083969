import { checkBlobs } from './blobs.ts';
import type { FsckContext } from './context.ts';
import { checkCounters } from './counters.ts';
import { checkOrphans } from './orphans.ts';
import { checkSessions } from './sessions.ts';
import { checkVersions } from './versions.ts';

/** The numbers of what a check has read or skipped. */
export interface FsckResult {
  /** The blobs that versions reference. Each was read once. */
  blobs: number;
  /** The parts of open sessions that were read. */
  parts: number;
  /** Parts that the store cannot return before their commit. They were verified when they were received. */
  skippedParts: number;
  /** Blobs without a row that are younger than the grace period. */
  skippedBlobs: number;
  bytes: number;
}

/**
 * Reads everything that rows reference, and lists all blobs that no row references. Safe with a running server: each problem
 * is checked again before it is reported, because the data might just have been deleted, committed or aborted. Repairs are
 * safe only without a running server.
 */
export async function fsck(context: FsckContext): Promise<FsckResult> {
  const result: FsckResult = { blobs: 0, parts: 0, skippedParts: 0, skippedBlobs: 0, bytes: 0 };
  const counting: FsckContext = {
    ...context,
    read(bytes) {
      result.bytes += bytes;
      context.read(bytes);
    },
  };
  await checkVersions(counting);
  result.skippedBlobs = (await checkOrphans(counting)).skipped;
  result.blobs = await checkBlobs(counting);
  const { parts, skipped } = await checkSessions(counting);
  result.parts = parts;
  result.skippedParts = skipped;
  await checkCounters(counting);
  return result;
}
