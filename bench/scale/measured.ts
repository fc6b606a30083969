/**
 * What the model counts with, measured on the two cores of docs/operate/performance.md, which the load had to share. Beside each
 * the command that measures it again.
 */
export const MEASURED = {
  /** Bytes a row takes, a million of them, written as the server writes them; `bench/postgres-rows.ts`. */
  bytesARow: {
    session: { rows: 386, indexes: 186 },
    part: { rows: 192, indexes: 83 },
    /** An item and its version. */
    file: { rows: 400, indexes: 538 },
  },
  /** Bytes of PostgreSQL's log for a part, without whole pages after a checkpoint; `bench/postgres-rows.ts`. */
  logBytesAPart: 807,
  /**
   * Parts a second that one PostgreSQL records over 40 connections with syncs of a millisecond, by whether the statement
   * that moves the digest's mark also calls another node, and whether that one waits for the sync; `bench/postgres-rows.ts`.
   */
  partsASecond: { quiet: 5630, calling: 754, callingUnsynced: 5727 },
  /** Of the sweep's question for 100 contents among a million; `bench/postgres-rows.ts`. */
  millisAHundredContents: 1.27,
  /** Of a list request for 1,000 keys, on Ceph; `bench/s3-list.ts`. */
  millisAListRequest: 23,
  /** Of a node over PostgreSQL and Ceph, and of its event loop alone, which has one core at most; `bench/cluster.ts`. */
  node: { cpuSecondsAGigabyte: 4.5, loopCpuSecondsAGigabyte: 2.4 },
};
