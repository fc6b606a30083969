import type { Worker } from 'node:worker_threads';
import { HashLane, startCryptoWorker } from './crypto-lane.ts';
import type { FileHashPool } from './file-hash-pool.ts';

interface CryptoHashPoolOptions {
  workers: number;
  /** Tests replace this to end a worker. */
  startWorker?: () => Worker;
}

/** Computes the digests by node:crypto in worker threads. They keep the process running only while a call is pending. */
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
    fork: () => undefined,
    join: () => false,
    current: (key) => assignLane(key).current(key),
    forget,
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}
