import type { Millis, SessionId } from '@partway/protocol/ids';
import { DigestWorkerLostError } from '../../hash-workers/errors.ts';
import { DigestStateUnusableError, type HashState } from '../../hash-workers/resumable-pool.ts';
import type { LocalPart } from '../../storage/blob-store.ts';
import { partRange } from '../part-layout.ts';
import type { Session } from '../session.ts';
import { findHashCheckpoint, type HashCheckpoint, resetHashCheckpoint, saveHashCheckpoint } from './checkpoint.ts';
import { clearPartOwner, listLocalParts } from './local-parts.ts';
import type { RehashDeps } from './rehash-from-store.ts';
import { type HashingSession, updateCheckpoint } from './session-progress.ts';

/** What a walk works with. */
interface HashRunnerDeps extends RehashDeps {
  /** Told of bytes that could not be read. */
  onError: (session: SessionId, error: unknown) => void;
  /** Whether the node that has the next slot is called. */
  notify: boolean;
  /** The session has ended. */
  forget: (session: SessionId) => void;
}

/** How long a walk goes on before its mark is saved. What is not saved yet is lost with the process. */
const SAVE_EVERY: Millis = 2_000;

/** Carries the digests of sessions on, as far as this node has bytes, and saves where they stand in their rows. */
export class HashRunner {
  readonly #deps: HashRunnerDeps;

  constructor(parts: HashRunnerDeps) {
    this.#deps = parts;
  }

  /**
   * Which slots this node has, where it has forgotten it for want of room. Only what a row gives as this node's counts:
   * a spool may also hold bytes that became no part.
   */
  async loadLocalParts({ session: { id }, localParts: held, checkpoint }: HashingSession): Promise<void> {
    if (held.has(checkpoint.parts)) return;
    for (const index of await listLocalParts(this.#deps.db, id, this.#deps.node, checkpoint.parts)) held.add(index);
  }

  /**
   * One walk a session at a time; resolves when it has come as far as this node has bytes. It rejects for whoever began
   * it, so that what went wrong once is told once.
   */
  run(followed: HashingSession): Promise<void> {
    followed.again = true;
    if (followed.running !== undefined) return followed.running.catch(() => {});
    followed.running = this.#runBatches(followed);
    return followed.running;
  }

  async #runBatches(followed: HashingSession): Promise<void> {
    try {
      while (followed.again) {
        followed.again = false;
        while (await this.#runBatch(followed));
      }
    } finally {
      // In the same moment in which `again` was seen to be false, so that what comes next begins another walk.
      followed.running = undefined;
    }
  }

  /** Adds what is at hand to the digest, and saves the mark. Whether the mark is another now. */
  async #runBatch(followed: HashingSession): Promise<boolean> {
    const { db, node, notify: calling } = this.#deps;
    const { session, localParts: held, checkpoint: from } = followed;
    const to = await this.#extend(followed);
    if (to.parts === from.parts) return false;

    const moved = await saveHashCheckpoint(db, session.id, { from, to, by: node, notify: calling });
    if (moved === undefined) return this.#reload(followed);
    // The next node's call, with a mark beyond this one, may have come before the database's answer to this move.
    updateCheckpoint(followed, to);
    if (moved.next === node) held.add(to.parts);
    for (let index = from.parts; index < to.parts; index++) await this.#releasePart(followed, index);
    return true;
  }

  /** The saved mark has passed this slot: its bytes are needed no more. */
  async #releasePart({ session: { staged }, localParts: held }: HashingSession, index: number): Promise<void> {
    if (!held.has(index)) return;
    held.delete(index);
    await this.#deps.blobs.dropLocalPart(staged, partRange(staged.layout, index));
  }

  async #extend({ session, localParts: held, checkpoint }: HashingSession): Promise<HashCheckpoint> {
    const { db, blobs, node } = this.#deps;
    const { staged, id } = session;
    const until = performance.now() + SAVE_EVERY;
    let { parts: slots, state } = checkpoint;
    while (held.has(slots) && performance.now() < until) {
      const range = partRange(staged.layout, slots);
      const bytes = await blobs.localPart(staged, range);
      const extended = bytes && (await this.#read(session, { parts: slots, state }, bytes));
      if (extended === undefined) {
        held.delete(slots);
        await clearPartOwner(db, id, node, slots);
        break;
      }
      state = extended;
      slots += 1;
    }
    return { parts: slots, state };
  }

  /** Undefined where these bytes can be read no more: given up for room since they were located, or damaged. */
  async #read({ id }: Session, from: HashCheckpoint, bytes: LocalPart): Promise<HashState | undefined> {
    const { db, digests, node, onError } = this.#deps;
    try {
      return await digests.extend(from.state, bytes);
    } catch (error) {
      // The next one is started by this.
      if (error instanceof DigestWorkerLostError) return await digests.extend(from.state, bytes);
      if (error instanceof DigestStateUnusableError) await resetHashCheckpoint(db, id, { from, by: node });
      onError(id, error);
      return undefined;
    }
  }

  /** The mark is no longer where it was: another node moved it, or the session has ended. */
  async #reload(followed: HashingSession): Promise<boolean> {
    const before = followed.checkpoint;
    const now = await findHashCheckpoint(this.#deps.db, followed.session.id);
    if (now === undefined) {
      this.#deps.forget(followed.session.id);
      return false;
    }
    followed.checkpoint = now;
    for (let index = Math.max(0, before.parts); index < now.parts; index++) await this.#releasePart(followed, index);
    return now.parts !== before.parts || now.state !== before.state;
  }
}
