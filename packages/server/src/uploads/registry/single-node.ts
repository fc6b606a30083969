import type { SessionId, UserId } from '@partway/protocol/ids';
import type { PartRange } from '../../storage/blob-store.ts';
import { PinnedLru } from '../../util/pinned-lru.ts';
import { assertOwner, sessionNotFoundError } from '../get-session.ts';
import { PartBitmap } from '../part-layout.ts';
import type { Part, Session } from '../session.ts';
import { findPart, findSession, insertPart, listStoredIndexes } from '../session-store.ts';
import type { PartRegistry, RecordedPart, RegistryDeps } from './part-registry.ts';

/** Number of sessions in the cache. A session of 10,000 parts needs 1.3 KB. */
const MAX_SESSIONS = 10_000;

interface CachedSession {
  /** The row of the open session. Undefined until it is read, and after the session may have ended. */
  session: Session | undefined;
  /** All parts that are stored, and those that could be: their rows are being written, or have been deleted. */
  stored: PartBitmap | undefined;
  /** Requests for parts in progress. The session stays in the cache meanwhile. */
  users: number;
  loading: Promise<Session> | undefined;
  /** Increases when the session may have ended, so that a row that was read before is not cached. */
  generation: number;
}

/**
 * The part registry for a single node: one statement per part. `PartLocks` prevent two requests from writing the same part.
 * Sessions and the indexes of their stored parts are cached. The cache has to contain every stored part, because the bytes
 * of a part that seems to be missing are written in place. Therefore this process must be the only one that stores parts, a
 * session is in the cache as long as a request for one of its parts is in progress, and a part is added before its row.
 */
export class SingleNodeRegistry implements PartRegistry {
  readonly #deps: RegistryDeps;
  readonly #sessions: PinnedLru<SessionId, CachedSession>;

  constructor(deps: RegistryDeps, { maxSessions = MAX_SESSIONS } = {}) {
    this.#deps = deps;
    this.#sessions = new PinnedLru({ max: maxSessions, isPinned: ({ users }) => users > 0 });
  }

  async getSession(caller: UserId, id: SessionId): Promise<Session> {
    const cached = this.#sessions.get(id) ?? newEntry();
    cached.users += 1;
    this.#sessions.set(id, cached);
    try {
      const session = cached.session ?? (await this.#load(id, cached));
      return assertOwner(session, caller, this.#deps.clock.expiryTime());
    } catch (error) {
      this.release(id);
      throw error;
    }
  }

  release(id: SessionId): void {
    const cached = this.#sessions.get(id);
    if (cached === undefined) return;
    cached.users -= 1;
    if (cached.users === 0 && cached.session === undefined) this.#sessions.delete(id);
  }

  async findPart({ id, state }: Session, index: number): Promise<Part | undefined> {
    if (state === 'open' && this.#sessions.get(id)?.stored?.has(index) === false) return undefined;
    return findPart(this.#deps.db, id, index);
  }

  reserveAfter(
    _session: Session,
    _range: PartRange,
    _sha1: string,
    body: AsyncIterable<Uint8Array>,
  ): AsyncIterable<Uint8Array> {
    return body;
  }

  async recordPart({ id }: Session, part: Omit<Part, 'partId'>): Promise<RecordedPart> {
    // Before the row is written, because a statement that fails can have had its effect.
    this.#sessions.get(id)?.stored?.add(part.index);
    return { isNew: await insertPart(this.#deps.db, id, part, this.#deps.clock.now(), this.#deps.node) };
  }

  /** Single node: in-flight parts are tracked by `PartLocks`. */
  async hasReservations(): Promise<boolean> {
    return false;
  }

  /** Keeps the parts while requests are in progress, because the session can still be open. */
  forgetSession(id: SessionId): void {
    const cached = this.#sessions.get(id);
    if (cached === undefined) return;
    cached.session = undefined;
    cached.generation += 1;
    if (cached.users === 0) this.#sessions.delete(id);
  }

  #load(id: SessionId, cached: CachedSession): Promise<Session> {
    cached.loading ??= this.#read(id, cached).finally(() => {
      cached.loading = undefined;
    });
    return cached.loading;
  }

  async #read(id: SessionId, cached: CachedSession): Promise<Session> {
    const { generation } = cached;
    const session = await findSession(this.#deps.db, id);
    if (session === undefined) throw sessionNotFoundError(id);
    if (session.state !== 'open') return session;
    cached.stored ??= await this.#readStored(session);
    if (cached.generation === generation) cached.session = session;
    return session;
  }

  async #readStored({ id, staged }: Session): Promise<PartBitmap> {
    const stored = new PartBitmap(staged.layout.partCount);
    for (const index of await listStoredIndexes(this.#deps.db, id)) stored.add(index);
    return stored;
  }
}

function newEntry(): CachedSession {
  return {
    session: undefined,
    stored: undefined,
    users: 0,
    loading: undefined,
    generation: 0,
  };
}
