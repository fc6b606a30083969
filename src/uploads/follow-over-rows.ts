import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis, NodeId, SessionId, Sha1 } from '../api/ids.ts';
import type { LocalBytes } from '../content/content.ts';
import { DigestWorkerLost } from '../digest/digest-failures.ts';
import { type DigestState, DigestStateUnusable } from '../digest/saved-digests.ts';
import { advanceMark, type DigestMark, findMark, findMarks, type PlacedMark, takeBack } from './digest-mark.ts';
import { dropBytes } from './drop-bytes.ts';
import { sessionNotFound } from './find-session.ts';
import { type Followed, learn, newFollowed } from './followed.ts';
import type { Follower, WholeDigest } from './follower.ts';
import { disownSlot, listHeldSlots } from './held-parts.ts';
import type { NodeCall, NodeCalls } from './node-calls.ts';
import { type ReadBackParts, readBack } from './read-back.ts';
import { findSession } from './records.ts';
import type { Session, StoredPart } from './session.ts';
import { slotAt } from './slot.ts';

/** What this follower works with. */
export interface FollowerOverRowsParts extends ReadBackParts {
  /** How nodes call each other; undefined where there is one node alone. */
  calls: NodeCalls | undefined;
  /** How many sessions are remembered; of the one longest untouched the rows say enough. */
  mostSessions: number;
  /** Told of a digest that could not go on; it is tried again at the next part and at the commit. */
  onTrouble: (session: SessionId | undefined, error: unknown) => void;
}

/** How long a walk goes on before its mark is saved. What is not saved yet is lost with the process. */
const SAVE_EVERY: Millis = 2_000;
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
  /** In the order in which they were last touched. */
  readonly #followed = new Map<SessionId, Followed>();
  readonly #finishing = new Map<SessionId, Promise<WholeDigest>>();
  readonly #stopHearing: (() => void) | undefined;

  constructor(parts: FollowerOverRowsParts) {
    this.#parts = parts;
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
      await this.#walk(followed);
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
        if (mark.next === node) await this.#recall(followed);
        // One that fails did so for whoever began it; this one tries for itself.
        while (followed.running !== undefined) await followed.running.catch(() => {});
        await this.#walk(followed);
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
    await this.#recall(followed);
    if (call.from !== undefined && followed.held.has(followed.mark.slots)) {
      await calls?.send(call.from, { session: session.id, coming: true });
    }
    await this.#walk(followed);
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
          this.#try(followed.session.id, () => this.#walk(followed));
        }
      }
    }
  }

  /**
   * Which slots this node has, where it has forgotten it for want of room. Only what a row gives as this node's counts:
   * a spool may also hold bytes that became no part.
   */
  async #recall({ session: { id }, held, mark }: Followed): Promise<void> {
    if (held.has(mark.slots)) return;
    for (const slot of await listHeldSlots(this.#parts.db, id, this.#parts.node, mark.slots)) held.add(slot);
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

  /**
   * One walk a session at a time; resolves when it has come as far as this node has bytes. It rejects for whoever began
   * it, so that what went wrong once is told once.
   */
  #walk(followed: Followed): Promise<void> {
    followed.again = true;
    if (followed.running !== undefined) return followed.running.catch(() => {});
    followed.running = this.#walkOn(followed);
    return followed.running;
  }

  async #walkOn(followed: Followed): Promise<void> {
    try {
      while (followed.again) {
        followed.again = false;
        while (await this.#stride(followed));
      }
    } finally {
      // In the same moment in which `again` was seen to be false, so that what comes next begins another walk.
      followed.running = undefined;
    }
  }

  /** Adds what is at hand to the digest, and saves the mark. Whether the mark is another now. */
  async #stride(followed: Followed): Promise<boolean> {
    const { db, node, calls } = this.#parts;
    const { session, held, mark: from } = followed;
    const to = await this.#extend(followed);
    if (to.slots === from.slots) return false;

    const moved = await advanceMark(db, session.id, { from, to, by: node, calling: calls !== undefined });
    if (moved === undefined) return this.#lookAgain(followed);
    followed.mark = to;
    if (moved.next === node) held.add(to.slots);
    for (let index = from.slots; index < to.slots; index++) await this.#letGo(followed, index);
    return true;
  }

  /** The saved mark has passed this slot: its bytes are needed no more. */
  async #letGo({ session: { staging }, held }: Followed, index: number): Promise<void> {
    if (!held.has(index)) return;
    held.delete(index);
    await this.#parts.content.release(staging, slotAt(staging.grid, index));
  }

  async #extend({ session, held, mark }: Followed): Promise<DigestMark> {
    const { db, content, node } = this.#parts;
    const { staging, id } = session;
    const until = performance.now() + SAVE_EVERY;
    let { slots, state } = mark;
    while (held.has(slots) && performance.now() < until) {
      const slot = slotAt(staging.grid, slots);
      const bytes = await content.locate(staging, slot);
      const extended = bytes && (await this.#read(session, { slots, state }, bytes));
      if (extended === undefined) {
        held.delete(slots);
        await disownSlot(db, id, node, slots);
        break;
      }
      state = extended;
      slots += 1;
    }
    return { slots, state };
  }

  /** Undefined where these bytes can be read no more: given up for room since they were located, or damaged. */
  async #read({ id }: Session, from: DigestMark, bytes: LocalBytes): Promise<DigestState | undefined> {
    const { db, digests, node, onTrouble } = this.#parts;
    try {
      return await digests.extend(from.state, bytes);
    } catch (error) {
      // The next one is started by this.
      if (error instanceof DigestWorkerLost) return await digests.extend(from.state, bytes);
      if (error instanceof DigestStateUnusable) await takeBack(db, id, { from, by: node });
      onTrouble(id, error);
      return undefined;
    }
  }

  /** The mark is no longer where it was: another node moved it, or the session has ended. */
  async #lookAgain(followed: Followed): Promise<boolean> {
    const before = followed.mark;
    const now = await findMark(this.#parts.db, followed.session.id);
    if (now === undefined) {
      this.forget(followed.session.id);
      return false;
    }
    followed.mark = now;
    for (let index = Math.max(0, before.slots); index < now.slots; index++) await this.#letGo(followed, index);
    return now.slots !== before.slots || now.state !== before.state;
  }

  /** Does what nobody waits for, and tells of what went wrong. */
  #try(session: SessionId | undefined, work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#parts.onTrouble(session, error));
  }
}
