/**
 * The measurements that the model uses, from the two cores of docs/operate/performance.md, which were shared with the load.
 * Each names the command that measures it.
 */
export const MEASURED = {
  /** Bytes per row, for a million rows written as the server writes them; `bench/postgres-rows.ts`. */
  bytesPerRow: {
    session: { rows: 386, indexes: 186 },
    part: { rows: 192, indexes: 83 },
    /** An item and its version. */
    file: { rows: 400, indexes: 538 },
  },
  /** Bytes of PostgreSQL's log per part, without full-page writes; `bench/postgres-rows.ts`. */
  logBytesPerPart: 807,
  /**
   * Parts per second that one PostgreSQL records over 40 connections with syncs of a millisecond: if the statement that saves
   * the hash checkpoint notifies no other node, if it does, and if it does without waiting for the sync;
   * `bench/postgres-rows.ts`.
   */
  partsPerSecond: { withoutNotify: 5630, withNotify: 754, withNotifyUnsynced: 5727 },
  /** For garbage collection's query about 100 blobs among a million; `bench/postgres-rows.ts`. */
  millisPerHundredBlobs: 1.27,
  /** For a list request of 1,000 keys, on Ceph; `bench/s3-list.ts`. */
  millisPerListRequest: 23,
  /** For a node with PostgreSQL and Ceph, and for its event loop alone, which uses at most one core; `bench/cluster.ts`. */
  node: { cpuSecondsPerGigabyte: 4.5, loopCpuSecondsPerGigabyte: 2.4 },
};
