import type { SessionId, Sha1 } from '@partway/protocol/ids';
import type { Session, StoredPart } from '../session.ts';
import type { HashCheckpoint } from './checkpoint.ts';

/** The digest of a whole file. */
export interface FileDigest {
  sha1: Sha1;
  /** Where it stands in the session's row, it counts only as long as this is there: parts may be lost and come anew. */
  checkpoint?: HashCheckpoint;
}

/**
 * The whole-file digest that walks behind an upload, slot by slot in the order of the file, so that a commit need not
 * wait for it: in one process's memory (`follow.ts`), or handed from node to node through rows (`follow-over-rows.ts`).
 */
export interface Hasher {
  /** This slot is stored now, with its bytes at hand; `mark`: where the digest stood then, if it is known. Returns at once. */
  partStored(session: Session, index: number, checkpoint?: HashCheckpoint): void;

  /**
   * The digest of a session whose slots are all stored, as `parts`; undefined where it is not ready after `patience`
   * milliseconds (it goes on meanwhile). Rejects where the bytes cannot be read.
   */
  finish(session: Session, parts: readonly StoredPart[], timeout: number): Promise<FileDigest | undefined>;

  /** The session has ended. */
  forget(id: SessionId): void;

  /** After a start: walks what was stored before, where only this process can. */
  resume(): Promise<void>;
}
