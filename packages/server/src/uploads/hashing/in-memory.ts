import type { SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { DigestPool } from '../../hash-workers/native-pool.ts';
import type { ContentStore } from '../../storage/blob-store.ts';
import { SlotSet, slotAt } from '../part-layout.ts';
import type { Session, StoredPart } from '../session.ts';
import { listOpenSessions, listParts } from '../session-store.ts';
import type { Follower, WholeDigest } from './hasher.ts';

/** What the follower works with. */
interface FollowerInMemoryParts {
  db: Kysely<Tables>;
  content: ContentStore;
  digests: DigestPool;
  /** How many sessions' digests are kept; beyond it the one longest untouched starts anew when it is needed. */
  mostSessions: number;
  /** Told of a digest that could not go on; it is tried again at the next part and at the commit. */
  onTrouble: (session: SessionId, error: unknown) => void;
}

interface Followed {
  session: Session;
  stored: SlotSet;
  /** The slots below this one are in the digest. */
  next: number;
  running: Promise<void> | undefined;
  /** How many commits wait for it; it is not given up meanwhile. */
  awaited: number;
}

/** After this many failures in a row a commit gets the error instead of another try. */
const MOST_TRIES = 3;

/**
 * The whole-file digest that walks behind an upload: slot by slot in the order of the file, as far as slots are
 * stored, in worker threads. Its marks live in memory; after a restart `catchUp` walks again from the first slot.
 */
export class FollowerInMemory implements Follower {
  readonly #parts: FollowerInMemoryParts;
  /** In the order in which they were last touched. */
  readonly #followed = new Map<SessionId, Followed>();

  constructor(parts: FollowerInMemoryParts) {
    this.#parts = parts;
  }

  nudge(session: Session, slot: number): void {
    const known = this.#followed.get(session.id);
    if (known === undefined) {
      void this.#start(session);
      return;
    }
    this.#touch(known);
    known.stored.add(slot);
    this.#walk(known).catch(() => {});
  }

  async digestOf(session: Session, _parts: readonly StoredPart[], patience: number): Promise<WholeDigest | undefined> {
    const { promise: tooLate, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, patience, undefined);
    try {
      return await Promise.race([this.#finish(session), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  forget(id: SessionId): void {
    this.#followed.delete(id);
    this.#parts.digests.forget(id);
  }

  /** After a start: walks what was stored before, one session after the other. */
  async catchUp(): Promise<void> {
    let after = '';
    for (;;) {
      const sessions = await listOpenSessions(this.#parts.db, after, 100);
      if (sessions.length === 0) return;
      for (const session of sessions) {
        await this.#start(session);
        after = session.id;
      }
    }
  }

  async #finish(session: Session): Promise<WholeDigest> {
    const { slots, fileSize } = session.staging.grid;
    for (let tries = 1; ; tries++) {
      const followed = this.#follow(session);
      followed.awaited += 1;
      try {
        await this.#load(followed);
        await this.#walk(followed);
        const { sha1, length } = await this.#parts.digests.current(session.id);
        if (followed.next === slots && length === fileSize) return { sha1 };
        throw new Error(`the digest of ${session.id} stands at byte ${length} of ${fileSize}`);
      } catch (error) {
        if (this.#followed.get(session.id) === followed) this.forget(session.id);
        if (tries === MOST_TRIES) throw error;
      } finally {
        followed.awaited -= 1;
      }
    }
  }

  /** Makes sure the session is followed and walks what is stored. Never rejects. */
  async #start(session: Session): Promise<void> {
    const followed = this.#follow(session);
    try {
      await this.#load(followed);
    } catch (error) {
      this.#parts.onTrouble(session.id, error);
      return;
    }
    await this.#walk(followed).catch(() => {});
  }

  /** The session as it is followed, from its first slot on where it was not. */
  #follow(session: Session): Followed {
    const followed = this.#followed.get(session.id) ?? {
      session,
      stored: new SlotSet(session.staging.grid.slots),
      next: 0,
      running: undefined,
      awaited: 0,
    };
    this.#touch(followed);
    return followed;
  }

  /** Every slot that the database knows. */
  async #load({ session, stored }: Followed): Promise<void> {
    for (const part of await listParts(this.#parts.db, session.id)) stored.add(part.slot);
  }

  #touch(followed: Followed): void {
    this.#followed.delete(followed.session.id);
    this.#followed.set(followed.session.id, followed);
    if (this.#followed.size <= this.#parts.mostSessions) return;
    for (const [id, { awaited }] of this.#followed) {
      if (awaited > 0 || id === followed.session.id) continue;
      this.forget(id);
      return;
    }
  }

  /** One walk a session at a time; resolves when it has come as far as slots are stored. Tells of its own trouble. */
  #walk(followed: Followed): Promise<void> {
    followed.running ??= this.#walkOn(followed).finally(() => {
      followed.running = undefined;
    });
    return followed.running;
  }

  async #walkOn(followed: Followed): Promise<void> {
    const { content, digests, onTrouble } = this.#parts;
    const { id, staging } = followed.session;
    try {
      while (followed.stored.has(followed.next)) {
        const slot = slotAt(staging.grid, followed.next);
        const bytes = await content.locate(staging, slot);
        // Given up meanwhile: the digest under this id is another walk's by now.
        if (bytes === undefined || this.#followed.get(id) !== followed) return;
        await digests.extend(id, slot.offset, bytes);
        followed.next += 1;
        await content.release(staging, slot);
      }
    } catch (error) {
      // The pool has dropped the digest, so this walk begins anew at the next part or at the commit.
      if (this.#followed.get(id) === followed) {
        this.forget(id);
        onTrouble(id, error);
      }
      throw error;
    }
  }
}
