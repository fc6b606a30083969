import type { Worker } from 'node:worker_threads';
import type { Sha1 } from '@partway/protocol/ids';
import type { LocalPart } from '../storage/blob-store.ts';
import { EMPTY_SHA1 } from './crypto-lane.ts';
import type { HashState } from './hash-state.ts';
import { HashWorker, startWorker } from './worker.ts';

export { DigestStateUnusableError } from './errors.ts';
export type { HashState } from './hash-state.ts';

export type ResumableHashJob =
  | { kind: 'extend'; state: HashState | undefined; bytes: LocalPart | Uint8Array }
  | { kind: 'finish'; state: HashState };

/** SHA-1 with a state that can be stored in a database row, so that another process can continue. */
export interface ResumableHashPool {
  /**
   * The state after adding `bytes`. An undefined `state` starts a new hash. If `bytes` is an array, its whole buffer
   * belongs to the pool from then on. Rejects with `DigestStateUnusableError`, with the system's error or "ended early" if
   * a file does not have the bytes, and with `DigestWorkerLostError`. `state` can be used again after an error.
   */
  extend(state: HashState | undefined, bytes: LocalPart | Uint8Array): Promise<HashState>;

  /** The SHA-1 of all bytes that were added to `state`. Rejects like `extend`. */
  finish(state: HashState | undefined): Promise<Sha1>;

  /** Stops the workers. Pending calls and later calls reject. */
  close(): Promise<void>;
}

interface ResumableHashPoolOptions {
  workers: number;
  /** Tests replace this to end a worker. */
  start?: () => Worker;
}

/**
 * Computes the hashes with hash-wasm in worker threads, at half the speed of node:crypto, which cannot export its state.
 * Workers keep no state, so each of them can do any job. They keep the process running only while a call is pending.
 */
export function openResumableHashPool({
  workers,
  start = startResumableWorker,
}: ResumableHashPoolOptions): ResumableHashPool {
  if (!Number.isInteger(workers) || workers < 1) throw new RangeError('a hash worker pool needs at least one worker');
  const lanes = Array.from({ length: workers }, () => new HashWorker<ResumableHashJob, string>(start));
  const leastBusy = () => lanes.reduce((best, other) => (other.pending < best.pending ? other : best));

  return {
    extend: async (state, bytes) => {
      const transfer = bytes instanceof Uint8Array ? [bytes.buffer as ArrayBuffer] : [];
      return (await leastBusy().request({ kind: 'extend', state, bytes }, transfer)) as HashState;
    },
    finish: async (state) => {
      return state === undefined ? EMPTY_SHA1 : ((await leastBusy().request({ kind: 'finish', state })) as Sha1);
    },
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}

export function startResumableWorker(): Worker {
  return startWorker('resumable-worker');
}
