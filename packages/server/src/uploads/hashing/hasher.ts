import type { SessionId, Sha1 } from '@partway/protocol/ids';
import type { Session, StoredPart } from '../session.ts';
import type { DigestMark } from './checkpoint.ts';

/** The digest of a whole file. */
export interface WholeDigest {
  sha1: Sha1;
  /** Where it stands in the session's row, it counts only as long as this is there: parts may be lost and come anew. */
  mark?: DigestMark;
}

/**
 * The whole-file digest that walks behind an upload, slot by slot in the order of the file, so that a commit need not
 * wait for it: in one process's memory (`follow.ts`), or handed from node to node through rows (`follow-over-rows.ts`).
 */
export interface Follower {
  /** This slot is stored now, with its bytes at hand; `mark`: where the digest stood then, if it is known. Returns at once. */
  nudge(session: Session, slot: number, mark?: DigestMark): void;

  /**
   * The digest of a session whose slots are all stored, as `parts`; undefined where it is not ready after `patience`
   * milliseconds (it goes on meanwhile). Rejects where the bytes cannot be read.
   */
  digestOf(session: Session, parts: readonly StoredPart[], patience: number): Promise<WholeDigest | undefined>;

  /** The session has ended. */
  forget(id: SessionId): void;

  /** After a start: walks what was stored before, where only this process can. */
  catchUp(): Promise<void>;
}
