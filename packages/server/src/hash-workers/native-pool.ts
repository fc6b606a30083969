import { open } from 'node:fs/promises';
import type { Native, NativeHash } from '@partway/native/native';
import type { Sha1 } from '@partway/protocol/ids';
import type { LocalPart } from '../storage/blob-store.ts';
import { SerialQueue } from '../util/keyed-queue.ts';
import { DigestOutOfStepError, DigestWorkerLostError } from './errors.ts';
import type { FileHashPool } from './file-hash-pool.ts';

/** Files that are read at the same time for each thread, so that a thread has work while another file is opened. */
const LANES_PER_THREAD = 2;

interface Digest {
  hash: NativeHash;
  lane: Lane;
  /** Number of calls of `extend` that are pending. */
  pending: number;
}

interface Lane {
  queue: SerialQueue;
  pending: number;
}

/** Computes the digests on the threads of the native module, which must stay open longer than the pool. */
export function openNativeHashPool(native: Native): FileHashPool {
  const lanes = Array.from(
    { length: native.threads * LANES_PER_THREAD },
    (): Lane => ({
      queue: new SerialQueue(),
      pending: 0,
    }),
  );
  const digests = new Map<string, Digest>();
  let isClosed = false;

  function getDigest(key: string): Digest {
    const existing = digests.get(key);
    if (existing !== undefined) return existing;
    const lane = lanes.reduce((best, other) => (other.pending < best.pending ? other : best));
    const digest = { hash: native.createHash(), lane, pending: 0 };
    digests.set(key, digest);
    return digest;
  }

  async function extend(key: string, from: number, { path, offset, length }: LocalPart): Promise<void> {
    const digest = getDigest(key);
    const { hash, lane } = digest;
    digest.pending += 1;
    lane.pending += 1;
    try {
      await lane.queue.run(async () => {
        assertOpen();
        const before = native.lengthOf(hash);
        if (before !== from) throw new DigestOutOfStepError(`the digest includes ${before} bytes, not ${from}`);
        const file = await open(path, 'r');
        try {
          await native.read({ fd: file.fd, position: offset, length }, hash);
        } finally {
          await file.close();
        }
      });
    } catch (error) {
      // It is unknown how many bytes the hash includes, so the caller starts from scratch.
      if (digests.get(key) === digest) digests.delete(key);
      throw error;
    } finally {
      digest.pending -= 1;
      lane.pending -= 1;
    }
  }

  function assertOpen(): void {
    if (isClosed) throw new DigestWorkerLostError('the hash pool was closed');
  }

  return {
    extend,
    fork(key, from) {
      const digest = digests.get(key);
      if (digest === undefined) return from === 0 ? native.createHash() : undefined;
      return isIdleAt(native, digest, from) ? native.copy(digest.hash) : undefined;
    },
    join(key, from, to, fork) {
      const digest = getDigest(key);
      if (!isIdleAt(native, digest, from) || native.lengthOf(fork) !== to) return false;
      digest.hash = fork;
      return true;
    },
    async current(key) {
      // Waits for earlier calls of `extend`, one of which may drop the digest.
      await digests.get(key)?.lane.queue.run(async () => {});
      assertOpen();
      const hash = digests.get(key)?.hash ?? native.createHash();
      return { sha1: native.digest(hash) as Sha1, length: native.lengthOf(hash) };
    },
    forget: (key) => {
      digests.delete(key);
    },
    async close() {
      isClosed = true;
      await Promise.all(lanes.map(({ queue }) => queue.run(async () => {})));
    },
  };
}

function isIdleAt(native: Native, { hash, pending }: Digest, length: number): boolean {
  return pending === 0 && native.lengthOf(hash) === length;
}
