import type { NodeId, SessionId, Sha1, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { PartRange } from '../../storage/blob-store.ts';
import type { Clock } from '../../time/clock.ts';
import type { HashCheckpoint } from '../hashing/checkpoint.ts';
import type { Part, Session } from '../session.ts';

/**
 * What the rows say of sessions and their slots, as accepting a part asks them. One node alone asks them in the simplest
 * way (`ledger-of-one.ts`); many nodes also keep each other from overwriting a part (`ledger-of-many.ts`).
 */
export interface PartRegistry {
  /** The caller's session. Refuses one that is unknown, another user's, or past its time. */
  findSession(caller: UserId, id: SessionId): Promise<Session>;

  /** The part in this slot, where there is one and it costs little to know: asked before the body is read. */
  findPart(session: Session, index: number): Promise<Part | undefined>;

  /**
   * Passes a proven body on, and lets it end only if these bytes may fill the slot. Throws `AlreadyStoredError` before its
   * end where they do already, and refuses where others do or will.
   */
  reserveAfter(
    session: Session,
    range: PartRange,
    sha1: Sha1,
    body: AsyncIterable<Uint8Array>,
  ): AsyncIterable<Uint8Array>;

  /** Records a part whose bytes are stored, in an open session. Says where the digest stands, as far as that is known. */
  recordPart(session: Session, part: Omit<Part, 'partId'>): Promise<RecordedPart>;

  /** Whether a node is about to store a part of this session, as far as rows tell. */
  hasReservations(id: SessionId): Promise<boolean>;

  /** The session has ended, as far as this node knows. */
  forgetSession(id: SessionId): void;
}

/** What a ledger works with. */
export interface RegistryDeps {
  db: Kysely<Tables>;
  /** This process. */
  node: NodeId;
  clock: Clock;
}

/** Whether this call made the part. If not, another did meanwhile, or the session has ended. */
export type RecordedPart = { made: true; checkpoint: HashCheckpoint | undefined } | { made: false };

/** These very bytes are a part already; thrown in place of a body's end, so that they are not stored again. */
export class AlreadyStoredError extends Error {
  override readonly name = 'AlreadyStored';
  readonly part: Part;

  constructor(part: Part) {
    super('these bytes are stored already');
    this.part = part;
  }
}
