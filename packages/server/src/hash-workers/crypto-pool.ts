import type { Worker } from 'node:worker_threads';
import type { LocalPart } from '../storage/blob-store.ts';
import { HashLane, startCryptoWorker } from './crypto-lane.ts';
import type { RunningDigest } from './messages.ts';

export { DigestOutOfStepError, DigestWorkerLostError } from './errors.ts';
export type { RunningDigest } from './messages.ts';

/**
 * SHA-1 digests that grow with their files, computed in worker threads by node:crypto. The digests are kept in memory, by
 * key. After a restart, or if an error drops a key, the caller starts that digest from byte 0.
 */
export interface FileHashPool {
  /**
   * Reads `bytes` and adds them to the digest of `key`, which must include `from` bytes so far; a new key includes 0.
   * Rejects with `DigestOutOfStepError` if it includes another number of bytes, with the system's error or "ended early" if
   * the file does not have the bytes, and with `DigestWorkerLostError` if the worker died. Each error drops the key.
   * Calls with the same key run in order. Keys share workers, so pass one part per call.
   */
  extend(key: string, from: number, bytes: LocalPart): Promise<void>;

  /** The digest after all earlier calls of `extend`. It can be extended further. */
  current(key: string): Promise<RunningDigest>;

  /** Drops the digest of `key`, if there is one. */
  forget(key: string): void;

  /** Stops the workers. Pending calls and later calls reject. */
  close(): Promise<void>;
}

interface CryptoHashPoolOptions {
  workers: number;
  /** Tests replace this to end a worker. */
  startWorker?: () => Worker;
}

/** Starts the workers. They keep the process running only while a call is pending. */
export function openCryptoHashPool({ workers, startWorker = startCryptoWorker }: CryptoHashPoolOptions): FileHashPool {
  if (!Number.isInteger(workers) || workers < 1) throw new RangeError('a hash worker pool needs at least one worker');
  const lanes = Array.from({ length: workers }, () => new HashLane(startWorker));
  const laneByKey = new Map<string, HashLane>();

  function assignLane(key: string): HashLane {
    let lane = laneByKey.get(key);
    if (lane === undefined) {
      lane = lanes.reduce((best, other) => (other.load < best.load ? other : best));
      lane.keys += 1;
      laneByKey.set(key, lane);
    }
    return lane;
  }

  function forget(key: string): void {
    const lane = laneByKey.get(key);
    if (lane === undefined) return;
    laneByKey.delete(key);
    lane.keys -= 1;
    lane.forget(key);
  }

  return {
    extend: (key, from, bytes) => assignLane(key).extend(key, from, bytes),
    current: (key) => assignLane(key).current(key),
    forget,
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}
