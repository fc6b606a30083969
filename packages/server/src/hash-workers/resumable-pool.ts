import type { Worker } from 'node:worker_threads';
import type { Sha1 } from '@partway/protocol/ids';
import type { LocalPart } from '../storage/blob-store.ts';
import { SHA1_OF_NOTHING } from './native-lane.ts';
import { startWorker, WorkerClient } from './worker.ts';

export { DigestStateUnusableError } from './errors.ts';

declare const brand: unique symbol;
/** A SHA-1 half-way: 96 bytes as base64, which any process of the same build can go on from. */
export type HashState = string & { readonly [brand]: 'DigestState' };

export type ResumableHashJob =
  | { kind: 'extend'; state: HashState | undefined; bytes: LocalPart | Uint8Array }
  | { kind: 'finish'; state: HashState };

/**
 * SHA-1 whose state is a value: it can lie in a row and be gone on from by another process. Computed in worker threads,
 * which keep nothing, so that any of them may do any job. Half as fast as node:crypto, whose states cannot be taken out.
 */
export interface ResumableHashPool {
  /**
   * The state once `bytes` are added; undefined stands for the state of nothing. Bytes given as an array are the
   * worker's from then on, with the whole buffer that they lie in. Rejects with `DigestStateUnusableError`, with the system's
   * error or "ended early" where a file does not yield the bytes, with `DigestWorkerLostError`; nothing is lost then.
   */
  extend(state: HashState | undefined, bytes: LocalPart | Uint8Array): Promise<HashState>;

  /** The SHA-1 of all that went into a state. */
  sha1Of(state: HashState | undefined): Promise<Sha1>;

  /** Stops the workers; calls not yet answered reject, as do later ones. */
  close(): Promise<void>;
}

interface ResumableHashPoolOptions {
  workers: number;
  /** How a worker is started, for tests that take one away. */
  start?: () => Worker;
}

/** Starts the workers. They hold the process only while a call is waiting for an answer. */
export function openResumableHashPool({
  workers,
  start = startResumableWorker,
}: ResumableHashPoolOptions): ResumableHashPool {
  if (!Number.isInteger(workers) || workers < 1) throw new RangeError('digests need one worker or more');
  const lanes = Array.from({ length: workers }, () => new WorkerClient<ResumableHashJob, string>(start));
  const leastBusy = () => lanes.reduce((best, other) => (other.waiting < best.waiting ? other : best));

  return {
    extend: async (state, bytes) => {
      const transfer = bytes instanceof Uint8Array ? [bytes.buffer as ArrayBuffer] : [];
      return (await leastBusy().ask({ kind: 'extend', state, bytes }, transfer)) as HashState;
    },
    sha1Of: async (state) => {
      return state === undefined ? SHA1_OF_NOTHING : ((await leastBusy().ask({ kind: 'finish', state })) as Sha1);
    },
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}

export function startResumableWorker(): Worker {
  return startWorker('resumable-worker');
}
