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

interface HashRunnerDeps extends RehashDeps {
  /** Called if a part cannot be read. */
  onError: (session: SessionId, error: unknown) => void;
  /** Notify the node that has the next part. */
  notify: boolean;
  /** Called if the session has ended. */
  forget: (session: SessionId) => void;
}

/** Time after which the checkpoint is saved. A crash loses what was hashed since the last one. */
const SAVE_INTERVAL: Millis = 2_000;

/** Continues the hashes of sessions, as far as this node has parts in its local cache, and saves their checkpoints. */
export class HashRunner {
  readonly #deps: HashRunnerDeps;

  constructor(deps: HashRunnerDeps) {
    this.#deps = deps;
  }

  /**
   * Reads which parts this node has, in case it has dropped the session from memory. Only parts that a row assigns to this
   * node count: the spool can also have bytes that became no part.
   */
  async loadLocalParts({ session: { id }, localParts, checkpoint }: HashingSession): Promise<void> {
    if (localParts.has(checkpoint.parts)) return;
    const indexes = await listLocalParts(this.#deps.db, id, this.#deps.node, checkpoint.parts);
    for (const index of indexes) localParts.add(index);
  }

  /**
   * Hashes the local parts until the next one is missing. One run per session at a time: further calls join it. Only the
   * call that started the run gets its error, so that each error is reported once.
   */
  run(hashing: HashingSession): Promise<void> {
    hashing.runAgain = true;
    if (hashing.running !== undefined) return hashing.running.catch(() => {});
    hashing.running = this.#runBatches(hashing);
    return hashing.running;
  }

  async #runBatches(hashing: HashingSession): Promise<void> {
    try {
      while (hashing.runAgain) {
        hashing.runAgain = false;
        while (await this.#runBatch(hashing));
      }
    } finally {
      // Synchronously after the check of `runAgain`, so that a later call starts a new run.
      hashing.running = undefined;
    }
  }

  /** Hashes a batch of local parts and saves the checkpoint. Returns true if the checkpoint has changed. */
  async #runBatch(hashing: HashingSession): Promise<boolean> {
    const { db, node, notify } = this.#deps;
    const { session, localParts, checkpoint: from } = hashing;
    const to = await this.#hashLocalParts(hashing);
    if (to.parts === from.parts) return false;

    const saved = await saveHashCheckpoint(db, session.id, { from, to, by: node, notify });
    if (saved === undefined) return this.#reloadCheckpoint(hashing);
    // A message from the next node, with a later checkpoint, may have arrived before the database's response.
    updateCheckpoint(hashing, to);
    if (saved.next === node) localParts.add(to.parts);
    for (let index = from.parts; index < to.parts; index++) await this.#releasePart(hashing, index);
    return true;
  }

  /** Drops a part that the saved checkpoint includes. */
  async #releasePart({ session: { staged }, localParts }: HashingSession, index: number): Promise<void> {
    if (!localParts.has(index)) return;
    localParts.delete(index);
    await this.#deps.blobs.dropLocalPart(staged, partRange(staged.layout, index));
  }

  async #hashLocalParts({ session, localParts, checkpoint }: HashingSession): Promise<HashCheckpoint> {
    const { db, blobs, node } = this.#deps;
    const { staged, id } = session;
    const end = performance.now() + SAVE_INTERVAL;
    let { parts, state } = checkpoint;
    while (localParts.has(parts) && performance.now() < end) {
      const range = partRange(staged.layout, parts);
      const bytes = await blobs.localPart(staged, range);
      const newState = bytes && (await this.#hashPart(session, { parts, state }, bytes));
      if (newState === undefined) {
        localParts.delete(parts);
        await clearPartOwner(db, id, node, parts);
        break;
      }
      state = newState;
      parts += 1;
    }
    return { parts, state };
  }

  /** Returns undefined if the bytes cannot be read: they are damaged, or were evicted from the spool meanwhile. */
  async #hashPart({ id }: Session, from: HashCheckpoint, bytes: LocalPart): Promise<HashState | undefined> {
    const { db, digests, node, onError } = this.#deps;
    try {
      return await digests.extend(from.state, bytes);
    } catch (error) {
      // The second call starts a new worker.
      if (error instanceof DigestWorkerLostError) return await digests.extend(from.state, bytes);
      if (error instanceof DigestStateUnusableError) await resetHashCheckpoint(db, id, { from, by: node });
      onError(id, error);
      return undefined;
    }
  }

  /** Called if another node has moved the checkpoint, or the session has ended. Returns true if the checkpoint has changed. */
  async #reloadCheckpoint(hashing: HashingSession): Promise<boolean> {
    const old = hashing.checkpoint;
    const current = await findHashCheckpoint(this.#deps.db, hashing.session.id);
    if (current === undefined) {
      this.#deps.forget(hashing.session.id);
      return false;
    }
    hashing.checkpoint = current;
    for (let index = Math.max(0, old.parts); index < current.parts; index++) await this.#releasePart(hashing, index);
    return current.parts !== old.parts || current.state !== old.state;
  }
}
