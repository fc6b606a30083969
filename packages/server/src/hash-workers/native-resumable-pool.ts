import { open } from 'node:fs/promises';
import type { Native, NativeHash } from '@partway/native/native';
import type { Sha1 } from '@partway/protocol/ids';
import type { LocalPart } from '../storage/blob-store.ts';
import { DigestWorkerLostError } from './errors.ts';
import { decodeState, encodeState, type HashState } from './hash-state.ts';
import type { ResumableHashPool } from './resumable-pool.ts';

/** Computes the hashes on the threads of the native module, which must stay open longer than the pool. */
export function openNativeResumablePool(native: Native): ResumableHashPool {
  const pending = new Set<Promise<void>>();
  let isClosed = false;

  function load(state: HashState | undefined): NativeHash {
    return state === undefined ? native.createHash() : native.load(decodeState(state));
  }

  function assertOpen(): void {
    if (isClosed) throw new DigestWorkerLostError('the hash pool was closed');
  }

  async function add(hash: NativeHash, bytes: LocalPart | Uint8Array): Promise<void> {
    if (bytes instanceof Uint8Array) return native.hash(hash, [bytes]);
    const file = await open(bytes.path, 'r');
    try {
      await native.read({ fd: file.fd, position: bytes.offset, length: bytes.length }, hash);
    } finally {
      await file.close();
    }
  }

  return {
    async extend(state, bytes) {
      assertOpen();
      const hash = load(state);
      const adding = add(hash, bytes);
      pending.add(adding);
      await adding.finally(() => pending.delete(adding));
      return encodeState(native.save(hash));
    },
    async finish(state) {
      assertOpen();
      return native.digest(load(state)) as Sha1;
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(pending);
    },
  };
}
