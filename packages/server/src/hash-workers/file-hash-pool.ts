import type { FileHash, LocalPart } from '../storage/blob-store.ts';
import type { RunningDigest } from './messages.ts';

export { DigestOutOfStepError, DigestWorkerLostError } from './errors.ts';
export type { RunningDigest } from './messages.ts';

/**
 * SHA-1 digests that grow with their files. They are kept in memory, by key. After a restart, or if an error drops a key,
 * the caller starts that digest from byte 0.
 */
export interface FileHashPool {
  /**
   * Reads `bytes` and adds them to the digest of `key`, which must include `from` bytes so far; a new key includes 0.
   * Rejects with `DigestOutOfStepError` if it includes another number of bytes, with the system's error or "ended early" if
   * the file does not have the bytes, and with `DigestWorkerLostError` if the worker died. Each error drops the key.
   * Calls with the same key run in order. Keys share workers, so pass one part per call.
   */
  extend(key: string, from: number, bytes: LocalPart): Promise<void>;

  /**
   * A copy of the digest of `key` as it is now, to which the caller can add bytes itself. Undefined if the digest does not
   * include `from` bytes, if a call of `extend` is pending, or if this pool cannot copy digests.
   */
  fork(key: string, from: number): FileHash | undefined;

  /**
   * Replaces the digest of `key`, which includes `from` bytes, by a fork of it that now includes `to` bytes. Returns false,
   * and changes nothing, if the digest or the fork includes another number of bytes, or a call of `extend` is pending.
   */
  join(key: string, from: number, to: number, fork: FileHash): boolean;

  /** The digest after all earlier calls of `extend`. It can be extended further. */
  current(key: string): Promise<RunningDigest>;

  /** Drops the digest of `key`, if there is one. */
  forget(key: string): void;

  /** Stops the workers. Pending calls and later calls reject. */
  close(): Promise<void>;
}
