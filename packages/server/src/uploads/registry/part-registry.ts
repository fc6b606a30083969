import type { NodeId, SessionId, Sha1, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { Slot } from '../../storage/blob-store.ts';
import type { Clock } from '../../time/clock.ts';
import type { DigestMark } from '../hashing/checkpoint.ts';
import type { Part, Session } from '../session.ts';

/**
 * What the rows say of sessions and their slots, as accepting a part asks them. One node alone asks them in the simplest
 * way (`ledger-of-one.ts`); many nodes also keep each other from overwriting a part (`ledger-of-many.ts`).
 */
export interface Ledger {
  /** The caller's session. Refuses one that is unknown, another user's, or past its time. */
  session(caller: UserId, id: SessionId): Promise<Session>;

  /** The part in this slot, where there is one and it costs little to know: asked before the body is read. */
  stored(session: Session, slot: number): Promise<Part | undefined>;

  /**
   * Passes a proven body on, and lets it end only if these bytes may fill the slot. Throws `AlreadyStored` before its
   * end where they do already, and refuses where others do or will.
   */
  fixing(session: Session, slot: Slot, sha1: Sha1, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;

  /** Records a part whose bytes are stored, in an open session. Says where the digest stands, as far as that is known. */
  record(session: Session, part: Omit<Part, 'partId'>): Promise<Recorded>;

  /** Whether a node is about to store a part of this session, as far as rows tell. */
  isStoring(id: SessionId): Promise<boolean>;

  /** The session has ended, as far as this node knows. */
  forget(id: SessionId): void;
}

/** What a ledger works with. */
export interface LedgerParts {
  db: Kysely<Tables>;
  /** This process. */
  node: NodeId;
  clock: Clock;
}

/** Whether this call made the part. If not, another did meanwhile, or the session has ended. */
export type Recorded = { made: true; mark: DigestMark | undefined } | { made: false };

/** These very bytes are a part already; thrown in place of a body's end, so that they are not stored again. */
export class AlreadyStored extends Error {
  override readonly name = 'AlreadyStored';
  readonly part: Part;

  constructor(part: Part) {
    super('these bytes are stored already');
    this.part = part;
  }
}
