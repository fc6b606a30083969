import type { Sha1 } from '@partway/protocol/ids';
import type { LocalPart } from '../storage/blob-store.ts';

/** The SHA-1 of the first `length` bytes of a file. */
export interface RunningDigest {
  sha1: Sha1;
  length: number;
}

/**
 * A message to a worker of node:crypto. `extend` gets an empty reply, `current` the digest (undefined if there is none for the
 * key), and `forget` no reply.
 */
export type HashJob =
  | { kind: 'extend'; key: string; from: number; bytes: LocalPart }
  | { kind: 'current'; key: string }
  | { kind: 'forget'; key: string };
