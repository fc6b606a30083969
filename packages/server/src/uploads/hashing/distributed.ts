import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis, NodeId, SessionId, Sha1 } from '@partway/protocol/ids';
import { DigestStateUnusable } from '../../hash-workers/resumable-pool.ts';
import { dropBytes } from '../end-session.ts';
import { sessionNotFound } from '../find-session.ts';
import type { Session, StoredPart } from '../session.ts';
import { findSession } from '../session-store.ts';
import { type DigestMark, findMark, findMarks, type PlacedMark, takeBack } from './checkpoint.ts';
import type { Follower, WholeDigest } from './hasher.ts';
import type { NodeCall, NodeCalls } from './node-messages.ts';
import { type ReadBackParts, readBack } from './rehash-from-store.ts';
import { DigestWalk } from './runner.ts';
import { type Followed, learn, newFollowed } from './session-progress.ts';

/** What this follower works with. */
interface FollowerOverRowsParts extends ReadBackParts {
  /** How nodes call each other; undefined where there is one node alone. */
  calls: NodeCalls | undefined;
  /** How many sessions are remembered; of the one longest untouched the rows say enough. */
  mostSessions: number;
  /** Told of a digest that could not go on; it is tried again at the next part and at the commit. */
  onTrouble: (session: SessionId | undefined, error: unknown) => void;
}

/** After this long without a word, a node that was asked for its bytes is taken for dead. */
const SILENCE: Millis = 2_000;
/** For how long an answer is good. */
const WORD_HOLDS: Millis = 10_000;
const [FIRST_PAUSE, LAST_PAUSE]: [Millis, Millis] = [10, 250];

/**
 * The digest handed from node to node: its mark and its state lie in the session's row, each node carries them on as far
 * as it has bytes at hand, and the row's old mark must still be there when the new one is written. Then the node that has
 * the next slot is called. What lies in memory here may be lost at any time; bytes that no node has any more are read
 * back from the sealed object at the commit.
 */
export class FollowerOverRows implements Follower {
  readonly #parts: FollowerOverRowsParts;
  readonly #walk: DigestWalk;
  /** In the order in which they were last touched. */
  readonly #followed = new Map<SessionId, Followed>();
  readonly #finishing = new Map<SessionId, Promise<WholeDigest>>();
  readonly #stopHearing: (() => void) | undefined;

  constructor(parts: FollowerOverRowsParts) {
    this.#parts = parts;
    this.#walk = new DigestWalk({
      ...parts,
      calling: parts.calls !== undefined,
      forget: (session) => this.forget(session),
    });
    this.#stopHearing = parts.calls?.hear(
      parts.node,
      (call) => this.#try(call.session, () => this.#called(call)),
      () => this.#try(undefined, () => this.#lookAround()),
    );
  }

  nudge(session: Session, slot: number, mark?: DigestMark): void {
    const followed = this.#follow(session);
    followed.held.add(slot);
    this.#try(session.id, async () => {
      const known = mark ?? (await findMark(this.#parts.db, session.id));
      if (known === undefined) return this.forget(session.id);
      learn(followed, known);
      await this.#walk.on(followed);
    });
  }

  async digestOf(session: Session, parts: readonly StoredPart[], patience: number): Promise<WholeDigest | undefined> {
    const { promise: tooLate, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, patience, undefined);
    try {
      return await Promise.race([this.#finishOnce(session, parts), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  forget(id: SessionId): void {
    this.#followed.delete(id);
  }

  /** A process that has just begun has nothing at hand: the rows say where to go on, once somebody asks. */
  async catchUp(): Promise<void> {}

  /** Hears no more calls. */
  stop(): void {
    this.#stopHearing?.();
  }

  /** One finish a session at a time; a commit that comes again joins it. */
  #finishOnce(session: Session, parts: readonly StoredPart[]): Promise<WholeDigest> {
    const running = this.#finishing.get(session.id);
    if (running !== undefined) return running;
    const finishing = this.#finish(session, parts).finally(() => this.#finishing.delete(session.id));
    // Whoever waits hears of it; nobody may be waiting any more.
    finishing.catch(() => {});
    this.#finishing.set(session.id, finishing);
    return finishing;
  }

  async #finish(session: Session, parts: readonly StoredPart[]): Promise<WholeDigest> {
    const { db, node } = this.#parts;
    const followed = this.#follow(session);
    followed.awaited += 1;
    try {
      const silent = new Set<NodeId>();
      for (;;) {
        const mark = await findMark(db, session.id);
        if (mark === undefined) throw await this.#ended(session);
        if (mark.slots === session.staging.grid.slots) {
          const sha1 = await this.#sha1At(session, mark);
          if (sha1 !== undefined) return { sha1, mark };
          continue;
        }
        followed.mark = mark;
        if (mark.next === node) await this.#walk.recall(followed);
        // One that fails did so for whoever began it; this one tries for itself.
        while (followed.running !== undefined) await followed.running.catch(() => {});
        await this.#walk.on(followed);
        if (followed.mark.slots !== mark.slots) continue;
        if (await this.#leaveToOther(followed, mark, silent)) continue;
        await readBack(this.#parts, session, parts);
      }
    } finally {
      followed.awaited -= 1;
    }
  }

  /**
   * The session has ended meanwhile. What removed its bytes may have come before a seal for the reading back had its effect,
   * and nobody may be waiting any more who would look.
   */
  async #ended({ id, staging }: Session): Promise<Error> {
    await dropBytes(this.#parts, staging);
    return sessionNotFound(id);
  }

  /** Undefined where its state is of another build; it is taken back then. */
  async #sha1At(session: Session, mark: DigestMark): Promise<Sha1 | undefined> {
    const { db, digests, node } = this.#parts;
    try {
      return await digests.sha1Of(mark.state);
    } catch (error) {
      if (!(error instanceof DigestStateUnusable)) throw error;
      await takeBack(db, session.id, { from: mark, by: node });
      return undefined;
    }
  }

  /** Whether the node that has the next slot moves the mark; one that says nothing for a while is not asked again. */
  async #leaveToOther(followed: Followed, { slots, state, next }: PlacedMark, silent: Set<NodeId>): Promise<boolean> {
    const { db, calls, node } = this.#parts;
    const { id } = followed.session;
    if (calls === undefined || next === undefined || next === '' || next === node || silent.has(next)) return false;
    followed.comingUntil = performance.now() + SILENCE;
    await calls.send(next, { session: id, slots, ...(state !== undefined && { state }), from: node });
    for (let pause = FIRST_PAUSE; performance.now() < followed.comingUntil; pause = Math.min(2 * pause, LAST_PAUSE)) {
      await sleep(pause);
      const now = await findMark(db, id);
      if (now?.slots !== slots) return true;
      if (now.next !== next) return false;
    }
    silent.add(next);
    return false;
  }

  async #called(call: NodeCall): Promise<void> {
    const { db, calls } = this.#parts;
    if ('coming' in call) {
      const waiting = this.#followed.get(call.session);
      if (waiting !== undefined) waiting.comingUntil = performance.now() + WORD_HOLDS;
      return;
    }
    const session = this.#followed.get(call.session)?.session ?? (await findSession(db, call.session));
    if (session?.state !== 'open') return;
    const followed = this.#follow(session);
    learn(followed, { slots: call.slots, state: call.state });
    await this.#walk.recall(followed);
    if (call.from !== undefined && followed.held.has(followed.mark.slots)) {
      await calls?.send(call.from, { session: session.id, coming: true });
    }
    await this.#walk.on(followed);
  }

  /** Calls may have been missed: looks where the digests stand for which this node has bytes. */
  async #lookAround(): Promise<void> {
    const waiting = [...this.#followed.values()].filter(({ held }) => held.size > 0);
    for (let at = 0; at < waiting.length; at += 100) {
      const batch = waiting.slice(at, at + 100);
      const marks = await findMarks(
        this.#parts.db,
        batch.map(({ session }) => session.id),
      );
      for (const followed of batch) {
        const mark = marks.get(followed.session.id);
        if (mark === undefined) this.forget(followed.session.id);
        else {
          learn(followed, mark);
          this.#try(followed.session.id, () => this.#walk.on(followed));
        }
      }
    }
  }

  #follow(session: Session): Followed {
    const followed = this.#followed.get(session.id) ?? newFollowed(session);
    this.#followed.delete(session.id);
    this.#followed.set(session.id, followed);
    if (this.#followed.size > this.#parts.mostSessions) this.#giveUpOldest(followed);
    return followed;
  }

  #giveUpOldest(but: Followed): void {
    for (const [id, followed] of this.#followed) {
      if (followed === but || followed.awaited > 0 || followed.running !== undefined) continue;
      this.#followed.delete(id);
      return;
    }
  }

  /** Does what nobody waits for, and tells of what went wrong. */
  #try(session: SessionId | undefined, work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#parts.onTrouble(session, error));
  }
}
