import type { SessionId, Sha1, UserId } from '@partway/protocol/ids';
import { LRUCache } from 'lru-cache';
import { DATABASE_NOW } from '../../database/time.ts';
import type { PartRange } from '../../storage/blob-store.ts';
import { assertOwner, getOwnSession } from '../get-session.ts';
import { PartBitmap } from '../part-layout.ts';
import type { Part, Session } from '../session.ts';
import { findPart } from '../session-store.ts';
import { AlreadyStoredError, type PartRegistry, type RecordedPart, type RegistryDeps } from './part-registry.ts';
import { confirmPart, hasReservations, reservePart } from './reservation.ts';

/** Number of sessions in the cache. */
const MAX_SESSIONS = 10_000;

interface CachedSession {
  session: Session;
  /** Parts that this node has stored. Only for these, `findPart` queries the database. */
  stored: PartBitmap;
}

/**
 * The part registry for several nodes with one database. Two statements per part: the first reserves the part for the
 * verified bytes before the store receives any of them, the second records the part. Sessions are cached, because all that
 * can change is whether a session is open, which both statements check.
 */
export class MultiNodeRegistry implements PartRegistry {
  readonly #deps: RegistryDeps;
  readonly #sessions = new LRUCache<SessionId, CachedSession>({ max: MAX_SESSIONS });

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  async getSession(caller: UserId, id: SessionId): Promise<Session> {
    const cached = this.#sessions.get(id);
    if (cached !== undefined) return assertOwner(cached.session, caller, this.#deps.clock.expiryTime());
    const session = await getOwnSession(this.#deps, caller, id);
    if (session.state === 'open') {
      this.#sessions.set(id, { session, stored: new PartBitmap(session.staged.layout.partCount) });
    }
    return session;
  }

  /** Cached sessions can be dropped at any time, so requests do not have to be tracked. */
  release(): void {}

  async findPart({ id, state }: Session, index: number): Promise<Part | undefined> {
    const stored = this.#sessions.get(id)?.stored;
    return stored?.has(index) || state !== 'open' ? findPart(this.#deps.db, id, index) : undefined;
  }

  async *reserveAfter(
    session: Session,
    range: PartRange,
    sha1: Sha1,
    body: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    yield* body;
    const reservation = { index: range.index, sha1, node: this.#deps.node };
    const stored = await reservePart(this.#deps.db, session, reservation, DATABASE_NOW).catch((error: unknown) => {
      // The session may have ended; the next request reads it again.
      this.forgetSession(session.id);
      throw error;
    });
    if (stored !== undefined) throw new AlreadyStoredError(stored);
  }

  async recordPart({ id }: Session, part: Omit<Part, 'partId'>): Promise<RecordedPart> {
    const checkpoint = await confirmPart(this.#deps.db, id, { ...part, node: this.#deps.node }, DATABASE_NOW);
    if (checkpoint === undefined) return { isNew: false };
    this.#sessions.get(id)?.stored.add(part.index);
    return { isNew: true, checkpoint };
  }

  hasReservations(id: SessionId): Promise<boolean> {
    return hasReservations(this.#deps.db, id, DATABASE_NOW);
  }

  forgetSession(id: SessionId): void {
    this.#sessions.delete(id);
  }
}
