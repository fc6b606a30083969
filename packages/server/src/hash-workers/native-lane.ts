import type { Worker } from 'node:worker_threads';
import type { Sha1 } from '@partway/protocol/ids';
import type { LocalPart } from '../storage/blob-store.ts';
import type { HashJob, RunningDigest } from './messages.ts';
import { startWorker, WorkerClient } from './worker.ts';

export const SHA1_OF_NOTHING = 'da39a3ee5e6b4b0d3255bfef95601890afd80709' as Sha1;

/** One worker and the digests that it keeps, by key. */
export class HashLane {
  /** Keys pinned here; kept by the pool. */
  keys = 0;
  readonly #lane: WorkerClient<HashJob, RunningDigest | undefined>;

  constructor(start: () => Worker) {
    this.#lane = new WorkerClient(start);
  }

  /** For choosing a lane: the work waiting counts first, the keys that may bring more break the tie. */
  get load(): number {
    return this.#lane.waiting * 1_000_000 + this.keys;
  }

  async extend(key: string, from: number, bytes: LocalPart): Promise<void> {
    await this.#lane.ask({ kind: 'extend', key, from, bytes });
  }

  async current(key: string): Promise<RunningDigest> {
    return (await this.#lane.ask({ kind: 'current', key })) ?? { sha1: SHA1_OF_NOTHING, length: 0 };
  }

  forget(key: string): void {
    this.#lane.tell({ kind: 'forget', key });
  }

  close(): Promise<void> {
    return this.#lane.close();
  }
}

export function startNativeWorker(): Worker {
  return startWorker('native-worker');
}
