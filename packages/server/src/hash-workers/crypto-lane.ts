import type { Worker } from 'node:worker_threads';
import type { Sha1 } from '@partway/protocol/ids';
import type { LocalPart } from '../storage/blob-store.ts';
import type { HashJob, RunningDigest } from './messages.ts';
import { HashWorker, startWorker } from './worker.ts';

export const EMPTY_SHA1 = 'da39a3ee5e6b4b0d3255bfef95601890afd80709' as Sha1;

/** One worker of a `FileHashPool`, with the digests that it keeps. */
export class HashLane {
  /** Number of keys assigned to this lane. The pool updates it. */
  keys = 0;
  readonly #worker: HashWorker<HashJob, RunningDigest | undefined>;

  constructor(start: () => Worker) {
    this.#worker = new HashWorker(start);
  }

  /** New keys go to the lane with the lowest load: the fewest pending requests, then the fewest keys. */
  get load(): number {
    return this.#worker.pending * 1_000_000 + this.keys;
  }

  async extend(key: string, from: number, bytes: LocalPart): Promise<void> {
    await this.#worker.request({ kind: 'extend', key, from, bytes });
  }

  async current(key: string): Promise<RunningDigest> {
    return (await this.#worker.request({ kind: 'current', key })) ?? { sha1: EMPTY_SHA1, length: 0 };
  }

  forget(key: string): void {
    this.#worker.send({ kind: 'forget', key });
  }

  close(): Promise<void> {
    return this.#worker.close();
  }
}

export function startCryptoWorker(): Worker {
  return startWorker('crypto-worker');
}
