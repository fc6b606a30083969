import type { SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { NativeHashPool } from '../../hash-workers/native-pool.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { PartBitmap, partRange } from '../part-layout.ts';
import type { Session, StoredPart } from '../session.ts';
import { listOpenSessions, listParts } from '../session-store.ts';
import type { FileDigest, Hasher } from './hasher.ts';

/** What the follower works with. */
interface InMemoryHasherDeps {
  db: Kysely<Tables>;
  blobs: BlobStore;
  digests: NativeHashPool;
  /** How many sessions' digests are kept; beyond it the one longest untouched starts anew when it is needed. */
  maxSessions: number;
  /** Told of a digest that could not go on; it is tried again at the next part and at the commit. */
  onError: (session: SessionId, error: unknown) => void;
}

interface HashingSession {
  session: Session;
  stored: PartBitmap;
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
export class InMemoryHasher implements Hasher {
  readonly #deps: InMemoryHasherDeps;
  /** In the order in which they were last touched. */
  readonly #sessions = new Map<SessionId, HashingSession>();

  constructor(parts: InMemoryHasherDeps) {
    this.#deps = parts;
  }

  partStored(session: Session, index: number): void {
    const known = this.#sessions.get(session.id);
    if (known === undefined) {
      void this.#start(session);
      return;
    }
    this.#touch(known);
    known.stored.add(index);
    this.#run(known).catch(() => {});
  }

  async finish(session: Session, _parts: readonly StoredPart[], timeout: number): Promise<FileDigest | undefined> {
    const { promise: tooLate, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, timeout, undefined);
    try {
      return await Promise.race([this.#finish(session), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  forget(id: SessionId): void {
    this.#sessions.delete(id);
    this.#deps.digests.forget(id);
  }

  /** After a start: walks what was stored before, one session after the other. */
  async resume(): Promise<void> {
    let after = '';
    for (;;) {
      const sessions = await listOpenSessions(this.#deps.db, after, 100);
      if (sessions.length === 0) return;
      for (const session of sessions) {
        await this.#start(session);
        after = session.id;
      }
    }
  }

  async #finish(session: Session): Promise<FileDigest> {
    const { partCount: slots, fileSize } = session.staged.layout;
    for (let tries = 1; ; tries++) {
      const followed = this.#track(session);
      followed.awaited += 1;
      try {
        await this.#load(followed);
        await this.#run(followed);
        const { sha1, length } = await this.#deps.digests.current(session.id);
        if (followed.next === slots && length === fileSize) return { sha1 };
        throw new Error(`the digest of ${session.id} stands at byte ${length} of ${fileSize}`);
      } catch (error) {
        if (this.#sessions.get(session.id) === followed) this.forget(session.id);
        if (tries === MOST_TRIES) throw error;
      } finally {
        followed.awaited -= 1;
      }
    }
  }

  /** Makes sure the session is followed and walks what is stored. Never rejects. */
  async #start(session: Session): Promise<void> {
    const followed = this.#track(session);
    try {
      await this.#load(followed);
    } catch (error) {
      this.#deps.onError(session.id, error);
      return;
    }
    await this.#run(followed).catch(() => {});
  }

  /** The session as it is followed, from its first slot on where it was not. */
  #track(session: Session): HashingSession {
    const followed = this.#sessions.get(session.id) ?? {
      session,
      stored: new PartBitmap(session.staged.layout.partCount),
      next: 0,
      running: undefined,
      awaited: 0,
    };
    this.#touch(followed);
    return followed;
  }

  /** Every slot that the database knows. */
  async #load({ session, stored }: HashingSession): Promise<void> {
    for (const part of await listParts(this.#deps.db, session.id)) stored.add(part.index);
  }

  #touch(followed: HashingSession): void {
    this.#sessions.delete(followed.session.id);
    this.#sessions.set(followed.session.id, followed);
    if (this.#sessions.size <= this.#deps.maxSessions) return;
    for (const [id, { awaited }] of this.#sessions) {
      if (awaited > 0 || id === followed.session.id) continue;
      this.forget(id);
      return;
    }
  }

  /** One walk a session at a time; resolves when it has come as far as slots are stored. Tells of its own trouble. */
  #run(followed: HashingSession): Promise<void> {
    followed.running ??= this.#hashBatches(followed).finally(() => {
      followed.running = undefined;
    });
    return followed.running;
  }

  async #hashBatches(followed: HashingSession): Promise<void> {
    const { blobs, digests, onError } = this.#deps;
    const { id, staged } = followed.session;
    try {
      while (followed.stored.has(followed.next)) {
        const range = partRange(staged.layout, followed.next);
        const bytes = await blobs.localPart(staged, range);
        // Given up meanwhile: the digest under this id is another walk's by now.
        if (bytes === undefined || this.#sessions.get(id) !== followed) return;
        await digests.extend(id, range.offset, bytes);
        followed.next += 1;
        await blobs.dropLocalPart(staged, range);
      }
    } catch (error) {
      // The pool has dropped the digest, so this walk begins anew at the next part or at the commit.
      if (this.#sessions.get(id) === followed) {
        this.forget(id);
        onError(id, error);
      }
      throw error;
    }
  }
}
