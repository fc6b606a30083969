import type { SessionId, Sha1, UserId } from '@partway/protocol/ids';
import { DATABASE_NOW } from '../../database/time.ts';
import type { Slot } from '../../storage/blob-store.ts';
import { LeastRecent } from '../../util/lru-map.ts';
import { findOwnSession, needOwn } from '../find-session.ts';
import { SlotSet } from '../part-layout.ts';
import type { Part, Session } from '../session.ts';
import { findPart } from '../session-store.ts';
import { AlreadyStored, type Ledger, type LedgerParts, type Recorded } from './part-registry.ts';
import { fixSlot, hasIntents, storeFixed } from './reservation.ts';

/** How many sessions a node remembers, the one longest unused going first. */
const MOST_SESSIONS = 10_000;

interface Known {
  session: Session;
  /** Slots that this node has filled: only of these it asks before the body is read whether they are. */
  filled: SlotSet;
}

/**
 * The ledger of nodes that share a database. Two statements a part: the first fixes the slot's bytes once they are
 * proven, and before the store sees one of them; the second makes them a part. What never changes of a session is
 * remembered, and both statements find out whether it is still open.
 */
export class LedgerOfMany implements Ledger {
  readonly #parts: LedgerParts;
  readonly #known = new LeastRecent<SessionId, Known>(MOST_SESSIONS);

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  async session(caller: UserId, id: SessionId): Promise<Session> {
    const known = this.#known.get(id);
    if (known !== undefined) return needOwn(known.session, caller, this.#parts.clock.expiryTime());
    const session = await findOwnSession(this.#parts, caller, id);
    if (session.state === 'open') {
      this.#known.set(id, { session, filled: new SlotSet(session.staging.grid.slots) });
    }
    return session;
  }

  async stored({ id, state }: Session, slot: number): Promise<Part | undefined> {
    const filled = this.#known.get(id)?.filled;
    return filled?.has(slot) || state !== 'open' ? findPart(this.#parts.db, id, slot) : undefined;
  }

  async *fixing(
    session: Session,
    slot: Slot,
    sha1: Sha1,
    body: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    yield* body;
    const intent = { slot: slot.index, sha1, node: this.#parts.node };
    const stored = await fixSlot(this.#parts.db, session, intent, DATABASE_NOW).catch((error: unknown) => {
      // It may have ended, and is asked for anew.
      this.forget(session.id);
      throw error;
    });
    if (stored !== undefined) throw new AlreadyStored(stored);
  }

  async record({ id }: Session, part: Omit<Part, 'partId'>): Promise<Recorded> {
    const mark = await storeFixed(this.#parts.db, id, { ...part, node: this.#parts.node }, DATABASE_NOW);
    if (mark === undefined) return { made: false };
    this.#known.get(id)?.filled.add(part.slot);
    return { made: true, mark };
  }

  isStoring(id: SessionId): Promise<boolean> {
    return hasIntents(this.#parts.db, id, DATABASE_NOW);
  }

  forget(id: SessionId): void {
    this.#known.delete(id);
  }
}
