import type { SessionId, Sha1, UserId } from '@partway/protocol/ids';
import { DATABASE_NOW } from '../../database/time.ts';
import type { PartRange } from '../../storage/blob-store.ts';
import { LruMap } from '../../util/lru-map.ts';
import { assertOwner, getOwnSession } from '../find-session.ts';
import { PartBitmap } from '../part-layout.ts';
import type { Part, Session } from '../session.ts';
import { findPart } from '../session-store.ts';
import { AlreadyStoredError, type PartRegistry, type RecordedPart, type RegistryDeps } from './part-registry.ts';
import { confirmPart, hasReservations, reservePart } from './reservation.ts';

/** How many sessions a node remembers, the one longest unused going first. */
const MAX_SESSIONS = 10_000;

interface KnownSession {
  session: Session;
  /** Slots that this node has filled: only of these it asks before the body is read whether they are. */
  filled: PartBitmap;
}

/**
 * The ledger of nodes that share a database. Two statements a part: the first fixes the slot's bytes once they are
 * proven, and before the store sees one of them; the second makes them a part. What never changes of a session is
 * remembered, and both statements find out whether it is still open.
 */
export class MultiNodeRegistry implements PartRegistry {
  readonly #deps: RegistryDeps;
  readonly #sessions = new LruMap<SessionId, KnownSession>(MAX_SESSIONS);

  constructor(parts: RegistryDeps) {
    this.#deps = parts;
  }

  async findSession(caller: UserId, id: SessionId): Promise<Session> {
    const known = this.#sessions.get(id);
    if (known !== undefined) return assertOwner(known.session, caller, this.#deps.clock.expiryTime());
    const session = await getOwnSession(this.#deps, caller, id);
    if (session.state === 'open') {
      this.#sessions.set(id, { session, filled: new PartBitmap(session.staged.layout.partCount) });
    }
    return session;
  }

  async findPart({ id, state }: Session, index: number): Promise<Part | undefined> {
    const filled = this.#sessions.get(id)?.filled;
    return filled?.has(index) || state !== 'open' ? findPart(this.#deps.db, id, index) : undefined;
  }

  async *reserveAfter(
    session: Session,
    range: PartRange,
    sha1: Sha1,
    body: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    yield* body;
    const intent = { index: range.index, sha1, node: this.#deps.node };
    const stored = await reservePart(this.#deps.db, session, intent, DATABASE_NOW).catch((error: unknown) => {
      // It may have ended, and is asked for anew.
      this.forgetSession(session.id);
      throw error;
    });
    if (stored !== undefined) throw new AlreadyStoredError(stored);
  }

  async recordPart({ id }: Session, part: Omit<Part, 'partId'>): Promise<RecordedPart> {
    const checkpoint = await confirmPart(this.#deps.db, id, { ...part, node: this.#deps.node }, DATABASE_NOW);
    if (checkpoint === undefined) return { made: false };
    this.#sessions.get(id)?.filled.add(part.index);
    return { made: true, checkpoint };
  }

  hasReservations(id: SessionId): Promise<boolean> {
    return hasReservations(this.#deps.db, id, DATABASE_NOW);
  }

  forgetSession(id: SessionId): void {
    this.#sessions.delete(id);
  }
}
