import type { Millis, SessionId, Sha1 } from '@partway/protocol/ids';
import type { PartRange } from '../../storage/blob-store.ts';
import type { Session, StoredPart } from '../session.ts';
import type { HashCheckpoint } from './checkpoint.ts';
import type { PartTurn } from './part-turns.ts';

/**
 * Whole-file hashers compute the SHA-1 of a file part by part, in file order, while its parts arrive, so that a commit does
 * not have to read the whole file. There are two, because it depends on the store which bytes can be read:
 *
 * - `InMemoryHasher`, for storage on a disk. One node has all stored parts and can read them again at any time, also after
 *   a restart. So it keeps the hash states in memory and uses node:crypto, the fastest SHA-1.
 * - `DistributedHasher`, for S3. A part in a multipart upload cannot be read before the upload is complete, and parts can
 *   arrive at any node, which has them only for a while in its local cache. So the hash state has to move between nodes and
 *   survive restarts: it is a checkpoint in the session's row, computed by hash-wasm, which can export its state.
 *
 * The second would also work on a disk, but needs twice the CPU time and additional database writes.
 */

/** The digest of a whole file. */
export interface FileDigest {
  sha1: Sha1;
  /** Valid only while the row still holds this checkpoint (lost parts reset it). Undefined if no row holds the hash. */
  checkpoint?: HashCheckpoint;
}

export interface Hasher {
  /**
   * Adds a part that begins to arrive, so that its bytes can be added to the hash before they leave the page cache. It must
   * be closed: after `partStored`, or when the part will not be stored. Undefined if hashes cannot be copied.
   */
  openTurn(session: Session, range: PartRange): PartTurn | undefined;

  /**
   * Reports that a part is stored and its bytes can be read locally. Returns immediately.
   * @param checkpoint The session's checkpoint after the part was recorded.
   */
  partStored(session: Session, index: number, checkpoint?: HashCheckpoint): void;

  /**
   * The digest of a session whose parts are all stored. Returns undefined if it is not ready within `timeout`; hashing
   * continues meanwhile. Rejects if the bytes cannot be read.
   * @param parts All parts of the session.
   */
  finish(session: Session, parts: readonly StoredPart[], timeout: Millis): Promise<FileDigest | undefined>;

  /** Drops what is in memory for a session that has ended. */
  forget(id: SessionId): void;

  /** Hashes the parts that were stored before this process started, if no other process can do it. */
  resume(): Promise<void>;
}
