import type { Millis, SessionId } from '@partway/protocol/ids';
import { DigestWorkerLost } from '../../hash-workers/errors.ts';
import { type DigestState, DigestStateUnusable } from '../../hash-workers/resumable-pool.ts';
import type { LocalBytes } from '../../storage/blob-store.ts';
import { slotAt } from '../part-layout.ts';
import type { Session } from '../session.ts';
import { advanceMark, type DigestMark, findMark, takeBack } from './checkpoint.ts';
import { disownSlot, listHeldSlots } from './local-parts.ts';
import type { ReadBackParts } from './rehash-from-store.ts';
import { type Followed, learn } from './session-progress.ts';

/** What a walk works with. */
interface DigestWalkParts extends ReadBackParts {
  /** Told of bytes that could not be read. */
  onTrouble: (session: SessionId, error: unknown) => void;
  /** Whether the node that has the next slot is called. */
  calling: boolean;
  /** The session has ended. */
  forget: (session: SessionId) => void;
}

/** How long a walk goes on before its mark is saved. What is not saved yet is lost with the process. */
const SAVE_EVERY: Millis = 2_000;

/** Carries the digests of sessions on, as far as this node has bytes, and saves where they stand in their rows. */
export class DigestWalk {
  readonly #parts: DigestWalkParts;

  constructor(parts: DigestWalkParts) {
    this.#parts = parts;
  }

  /**
   * Which slots this node has, where it has forgotten it for want of room. Only what a row gives as this node's counts:
   * a spool may also hold bytes that became no part.
   */
  async recall({ session: { id }, held, mark }: Followed): Promise<void> {
    if (held.has(mark.slots)) return;
    for (const slot of await listHeldSlots(this.#parts.db, id, this.#parts.node, mark.slots)) held.add(slot);
  }

  /**
   * One walk a session at a time; resolves when it has come as far as this node has bytes. It rejects for whoever began
   * it, so that what went wrong once is told once.
   */
  on(followed: Followed): Promise<void> {
    followed.again = true;
    if (followed.running !== undefined) return followed.running.catch(() => {});
    followed.running = this.#strides(followed);
    return followed.running;
  }

  async #strides(followed: Followed): Promise<void> {
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
    const { db, node, calling } = this.#parts;
    const { session, held, mark: from } = followed;
    const to = await this.#extend(followed);
    if (to.slots === from.slots) return false;

    const moved = await advanceMark(db, session.id, { from, to, by: node, calling });
    if (moved === undefined) return this.#lookAgain(followed);
    // The next node's call, with a mark beyond this one, may have come before the database's answer to this move.
    learn(followed, to);
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
      this.#parts.forget(followed.session.id);
      return false;
    }
    followed.mark = now;
    for (let index = Math.max(0, before.slots); index < now.slots; index++) await this.#letGo(followed, index);
    return now.slots !== before.slots || now.state !== before.state;
  }
}
