import type { Millis, SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { FileHashPool } from '../../hash-workers/file-hash-pool.ts';
import type { BlobStore, FileHash, PartRange } from '../../storage/blob-store.ts';
import { PinnedLru } from '../../util/pinned-lru.ts';
import { withTimeout } from '../../util/timeout.ts';
import { PartBitmap, partRange } from '../part-layout.ts';
import type { Session, StoredPart } from '../session.ts';
import { listOpenSessions, listStoredIndexes } from '../session-store.ts';
import type { FileDigest, Hasher } from './hasher.ts';
import { type PartTurn, PartTurns } from './part-turns.ts';

interface InMemoryHasherDeps {
  db: Kysely<Tables>;
  blobs: BlobStore;
  digests: FileHashPool;
  /** Number of hash states in memory. The least recently used one is dropped, and computed from scratch if needed. */
  maxSessions: number;
  /** Called if hashing fails. It is tried again at the next part and at the commit. */
  onError: (session: SessionId, error: unknown) => void;
}

interface HashingSession {
  session: Session;
  stored: PartBitmap;
  /** Whether the parts that were stored before this process started, or before the session was dropped, are in `stored`. */
  isLoaded: boolean;
  /** Index of the first part that the hash does not include yet. A part before it may not be stored yet (`turns`). */
  next: number;
  /** Parts that are arriving. */
  turns: PartTurns;
  running: Promise<void> | undefined;
  /** Number of commits that wait for the digest. The session is not dropped meanwhile. */
  waiters: number;
}

/** After this many failures in a row, a commit gets the error. */
const MAX_TRIES = 3;

/** The hasher of a single node: hash states in memory, computed in worker threads. After a restart, `resume` starts over. */
export class InMemoryHasher implements Hasher {
  readonly #deps: InMemoryHasherDeps;
  readonly #sessions: PinnedLru<SessionId, HashingSession>;

  constructor(deps: InMemoryHasherDeps) {
    this.#deps = deps;
    this.#sessions = new PinnedLru({
      max: deps.maxSessions,
      isPinned: ({ waiters, turns }) => waiters > 0 || !turns.isEmpty,
      onEvict: (id) => deps.digests.forget(id),
    });
  }

  openTurn(session: Session, range: PartRange): PartTurn {
    return this.#track(session).turns.open(range);
  }

  partStored(session: Session, index: number): void {
    const hashing = this.#track(session);
    hashing.stored.add(index);
    if (hashing.isLoaded) this.#proceed(hashing);
    else void this.#start(hashing);
  }

  finish(session: Session, _parts: readonly StoredPart[], timeout: Millis): Promise<FileDigest | undefined> {
    return withTimeout(this.#finish(session), timeout, () => undefined);
  }

  forget(id: SessionId): void {
    this.#sessions.delete(id);
    this.#deps.digests.forget(id);
  }

  /** Hashes the open sessions one after the other. */
  async resume(): Promise<void> {
    let after = '';
    for (;;) {
      const sessions = await listOpenSessions(this.#deps.db, after, 100);
      if (sessions.length === 0) return;
      for (const session of sessions) {
        await this.#start(this.#track(session));
        after = session.id;
      }
    }
  }

  async #finish(session: Session): Promise<FileDigest> {
    const { partCount, fileSize } = session.staged.layout;
    for (let tries = 1; ; tries++) {
      const hashing = this.#track(session);
      hashing.waiters += 1;
      try {
        await this.#loadStored(hashing);
        await this.#run(hashing);
        const { sha1, length } = await this.#deps.digests.current(session.id);
        if (hashing.next === partCount && length === fileSize) return { sha1 };
        throw new Error(`the hash of session ${session.id} includes ${length} of ${fileSize} bytes`);
      } catch (error) {
        this.#drop(hashing);
        if (tries === MAX_TRIES) throw error;
      } finally {
        hashing.waiters -= 1;
      }
    }
  }

  /** The hash before a part, if the hash has reached it and nothing else is being added. */
  #fork(hashing: HashingSession, index: number): FileHash | undefined {
    const { id, staged } = hashing.session;
    if (hashing.next !== index || hashing.running !== undefined || this.#sessions.get(id) !== hashing) return undefined;
    return this.#deps.digests.fork(id, partRange(staged.layout, index).offset);
  }

  #join(hashing: HashingSession, index: number, fileHash: FileHash): boolean {
    const { id, staged } = hashing.session;
    if (hashing.next !== index || hashing.running !== undefined || this.#sessions.get(id) !== hashing) return false;
    const { offset, length } = partRange(staged.layout, index);
    if (!this.#deps.digests.join(id, offset, offset + length, fileHash)) return false;
    hashing.next += 1;
    this.#proceed(hashing);
    return true;
  }

  #drop(hashing: HashingSession): void {
    const { id } = hashing.session;
    if (this.#sessions.get(id) === hashing) this.forget(id);
  }

  /** Continues with the next part: reads it if it is stored, or lets it be hashed if it has just been written. */
  #proceed(hashing: HashingSession): void {
    if (hashing.stored.has(hashing.next)) this.#run(hashing).catch(() => {});
    else hashing.turns.check();
  }

  /** Hashes the stored parts of a session. Never rejects. */
  async #start(hashing: HashingSession): Promise<void> {
    hashing.isLoaded = true;
    try {
      await this.#loadStored(hashing);
    } catch (error) {
      hashing.isLoaded = false;
      this.#deps.onError(hashing.session.id, error);
      return;
    }
    await this.#run(hashing).catch(() => {});
  }

  #track(session: Session): HashingSession {
    const hashing = this.#sessions.get(session.id) ?? this.#createSession(session);
    this.#sessions.set(session.id, hashing);
    return hashing;
  }

  #createSession(session: Session): HashingSession {
    const hashing: HashingSession = {
      session,
      stored: new PartBitmap(session.staged.layout.partCount),
      isLoaded: false,
      next: 0,
      turns: new PartTurns({
        next: () => hashing.next,
        isStored: (index) => hashing.stored.has(index),
        fork: (index) => this.#fork(hashing, index),
        join: (index, hash) => this.#join(hashing, index, hash),
        drop: () => this.#drop(hashing),
      }),
      running: undefined,
      waiters: 0,
    };
    return hashing;
  }

  async #loadStored({ session, stored }: HashingSession): Promise<void> {
    for (const index of await listStoredIndexes(this.#deps.db, session.id)) stored.add(index);
  }

  /** Hashes stored parts until one is missing. One run per session at a time. Reports errors itself, and rejects. */
  #run(hashing: HashingSession): Promise<void> {
    hashing.running ??= this.#hashParts(hashing).finally(() => {
      hashing.running = undefined;
      hashing.turns.check();
    });
    return hashing.running;
  }

  async #hashParts(hashing: HashingSession): Promise<void> {
    const { blobs, digests, onError } = this.#deps;
    const { id, staged } = hashing.session;
    try {
      while (hashing.stored.has(hashing.next)) {
        const range = partRange(staged.layout, hashing.next);
        const bytes = await blobs.localPart(staged, range);
        // If the session was dropped meanwhile, the digest with this ID belongs to another run.
        if (bytes === undefined || this.#sessions.get(id) !== hashing) return;
        await digests.extend(id, range.offset, bytes);
        hashing.next += 1;
        await blobs.dropLocalPart(staged, range);
      }
    } catch (error) {
      // The pool has dropped the digest, so the next part or the commit starts it from scratch.
      if (this.#sessions.get(id) === hashing) {
        this.forget(id);
        onError(id, error);
      }
      throw error;
    }
  }
}
