import type { NodeId, SessionId, Sha1, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { PartRange } from '../../storage/blob-store.ts';
import type { Clock } from '../../time/clock.ts';
import type { HashCheckpoint } from '../hashing/checkpoint.ts';
import type { Part, Session } from '../session.ts';

/**
 * Knows which parts of a session are stored, for requests that store parts. `SingleNodeRegistry` caches
 * which parts are stored; `PartLocks` keep two requests for a part apart. `MultiNodeRegistry` also prevents that two nodes
 * store different bytes for the same part.
 */
export interface PartRegistry {
  /**
   * Gets a session. Throws if it does not exist, belongs to another user, or has expired. Call `release` when the request for
   * a part is complete.
   */
  getSession(caller: UserId, id: SessionId): Promise<Session>;

  /** Ends what `getSession` began. */
  release(id: SessionId): void;

  /**
   * Finds a stored part before the body is read. May return undefined for a stored part only if `reserveAfter` checks the row
   * before the store gets the end of the body. `SingleNodeRegistry` must always find it, because its bytes would be written
   * over (docs/decisions/0112-cache-open-sessions-and-their-parts-on-a-single-node.md).
   */
  findPart(session: Session, index: number): Promise<Part | undefined>;

  /**
   * Passes on a verified body, and reserves the part before the end of the body. Throws `AlreadyStoredError` in place of the
   * end if the part is stored with these bytes, and another error if it is stored or reserved with other bytes.
   */
  reserveAfter(
    session: Session,
    range: PartRange,
    sha1: Sha1,
    body: AsyncIterable<Uint8Array>,
  ): AsyncIterable<Uint8Array>;

  /** Records a part of an open session after its bytes are stored. */
  recordPart(session: Session, part: Omit<Part, 'partId'>): Promise<RecordedPart>;

  /** True if a node is storing a part of this session, according to the rows. */
  hasReservations(id: SessionId): Promise<boolean>;

  /** Drops what is in memory for a session that has ended. */
  forgetSession(id: SessionId): void;
}

export interface RegistryDeps {
  db: Kysely<Tables>;
  /** This process. */
  node: NodeId;
  clock: Clock;
}

export interface RecordedPart {
  /** False if another request has recorded the part meanwhile, or if the session has ended. */
  isNew: boolean;
  /** The session's hash checkpoint, if the part is new and the implementation knows it. */
  checkpoint?: HashCheckpoint | undefined;
}

/** The part is already stored with the same bytes. Thrown before the end of a body, so that they are not stored again. */
export class AlreadyStoredError extends Error {
  override readonly name = 'AlreadyStoredError';
  readonly part: Part;

  constructor(part: Part) {
    super('this part is already stored');
    this.part = part;
  }
}
