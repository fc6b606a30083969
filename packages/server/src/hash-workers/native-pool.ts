import type { Worker } from 'node:worker_threads';
import type { LocalPart } from '../storage/blob-store.ts';
import type { RunningDigest } from './messages.ts';
import { HashLane, startNativeWorker } from './native-lane.ts';

export { DigestOutOfStepError, DigestWorkerLostError } from './errors.ts';
export type { RunningDigest } from './messages.ts';

/**
 * Digests that follow files as they grow, by key, computed in worker threads. They live in memory alone: after a
 * restart, or once a key was dropped, the caller starts again at byte 0.
 */
export interface NativeHashPool {
  /**
   * Reads `bytes` and adds them to the digest of `key`, which must stand at byte `from`; a key never seen stands at 0.
   * Rejects with `DigestOutOfStepError` where it stands elsewhere, with the system's error or "ended early" where the file
   * does not yield the bytes, with `DigestWorkerLostError` where the worker died; the key is dropped then and stands at 0.
   * Calls of one key are done in the order they were made. Keys share workers, so pass one slot at a time.
   */
  extend(key: string, from: number, bytes: LocalPart): Promise<void>;

  /** The digest so far, after all earlier calls of `extend`; it can be extended afterwards. */
  current(key: string): Promise<RunningDigest>;

  /** Frees what is kept for `key`, also for one that was dropped. */
  forget(key: string): void;

  /** Stops the workers; calls not yet answered reject, as do later ones. */
  close(): Promise<void>;
}

interface NativeHashPoolOptions {
  workers: number;
  /** How a worker is started, for tests that take one away. */
  startWorker?: () => Worker;
}

/** Starts the workers. They hold the process only while a call is waiting for an answer. */
export function openNativeHashPool({
  workers,
  startWorker = startNativeWorker,
}: NativeHashPoolOptions): NativeHashPool {
  if (!Number.isInteger(workers) || workers < 1) throw new RangeError('a digest pool needs one worker or more');
  const lanes = Array.from({ length: workers }, () => new HashLane(startWorker));
  const laneOf = new Map<string, HashLane>();

  function pinned(key: string): HashLane {
    let lane = laneOf.get(key);
    if (lane === undefined) {
      lane = lanes.reduce((best, other) => (other.load < best.load ? other : best));
      lane.keys += 1;
      laneOf.set(key, lane);
    }
    return lane;
  }

  function forget(key: string): void {
    const lane = laneOf.get(key);
    if (lane === undefined) return;
    laneOf.delete(key);
    lane.keys -= 1;
    lane.forget(key);
  }

  return {
    extend: (key, from, bytes) => pinned(key).extend(key, from, bytes),
    current: (key) => pinned(key).current(key),
    forget,
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}
