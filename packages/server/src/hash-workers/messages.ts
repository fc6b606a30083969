import type { Sha1 } from '@partway/protocol/ids';
import type { LocalPart } from '../storage/blob-store.ts';

/** A digest as far as it has come: the SHA-1 of the first `length` bytes. */
export interface RunningDigest {
  sha1: Sha1;
  length: number;
}

/**
 * What a worker that keeps digests is sent. `forget` gets no answer, `extend` an empty one, `current` the digest,
 * undefined where none is kept for the key.
 */
export type HashJob =
  | { kind: 'extend'; key: string; from: number; bytes: LocalPart }
  | { kind: 'current'; key: string }
  | { kind: 'forget'; key: string };
