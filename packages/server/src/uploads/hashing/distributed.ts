import { setTimeout as sleep } from 'node:timers/promises';
import { exponentialDelay } from '@partway/protocol/backoff';
import type { Millis, NodeId, SessionId, Sha1 } from '@partway/protocol/ids';
import { DigestStateUnusableError } from '../../hash-workers/resumable-pool.ts';
import { splitIntoBatches } from '../../util/batches.ts';
import { PinnedLru } from '../../util/pinned-lru.ts';
import { withTimeout } from '../../util/timeout.ts';
import { deleteStagedBytes } from '../end-session.ts';
import { sessionNotFoundError } from '../get-session.ts';
import type { Session, StoredPart } from '../session.ts';
import { findSession } from '../session-store.ts';
import {
  findHashCheckpoint,
  findHashCheckpoints,
  type HashCheckpoint,
  type HashCheckpointWithOwner,
  resetHashCheckpoint,
} from './checkpoint.ts';
import type { FileDigest, Hasher } from './hasher.ts';
import type { NodeMessage, NodeMessages } from './node-messages.ts';
import { type RehashDeps, rehashFromStore } from './rehash-from-store.ts';
import { HashRunner } from './runner.ts';
import { type HashingSession, newHashingSession, updateCheckpoint } from './session-progress.ts';

interface DistributedHasherDeps extends RehashDeps {
  /** Undefined for a single node. */
  messages: NodeMessages | undefined;
  /** Number of sessions kept in memory. For others, the database has what is needed. */
  maxSessions: number;
  /** Called if hashing fails. It is tried again at the next part and at the commit. */
  onError: (session: SessionId | undefined, error: unknown) => void;
}

/** A node that has not answered a message for this long counts as dead. */
const ACK_TIMEOUT: Millis = 2_000;
/** A node that has answered gets this long to move the checkpoint. */
const ACK_VALID_FOR: Millis = 10_000;
/** Between two reads of the checkpoint. */
const PAUSES = { first: 10, max: 250 };

/**
 * Hashes files across nodes. The checkpoint is in the session's row. A node continues the hash as far as it has parts in its
 * local cache, replaces the checkpoint if no other node has done so, and notifies the node that has the next part. Everything
 * in memory here can be lost at any time. If no node has a part any longer, the commit reads it from the complete blob.
 */
export class DistributedHasher implements Hasher {
  readonly #deps: DistributedHasherDeps;
  readonly #runner: HashRunner;
  readonly #sessions: PinnedLru<SessionId, HashingSession>;
  readonly #finishing = new Map<SessionId, Promise<FileDigest>>();
  readonly #unsubscribe: (() => void) | undefined;

  constructor(deps: DistributedHasherDeps) {
    this.#deps = deps;
    this.#sessions = new PinnedLru({
      max: deps.maxSessions,
      isPinned: ({ waiters, running }) => waiters > 0 || running !== undefined,
    });
    this.#runner = new HashRunner({
      ...deps,
      notify: deps.messages !== undefined,
      forget: (session) => this.forget(session),
    });
    this.#unsubscribe = deps.messages?.subscribe(
      deps.node,
      (message) => this.#runInBackground(message.session, () => this.#onMessage(message)),
      () => this.#runInBackground(undefined, () => this.#resumeAll()),
    );
  }

  openTurn(): undefined {}

  partStored(session: Session, index: number, checkpoint?: HashCheckpoint): void {
    const hashing = this.#track(session);
    hashing.localParts.add(index);
    this.#runInBackground(session.id, async () => {
      const current = checkpoint ?? (await findHashCheckpoint(this.#deps.db, session.id));
      if (current === undefined) return this.forget(session.id);
      updateCheckpoint(hashing, current);
      await this.#runner.run(hashing);
    });
  }

  finish(session: Session, parts: readonly StoredPart[], timeout: Millis): Promise<FileDigest | undefined> {
    return withTimeout(this.#finishOnce(session, parts), timeout, () => undefined);
  }

  forget(id: SessionId): void {
    this.#sessions.delete(id);
  }

  /** Does nothing: a new process has no parts in its cache. */
  async resume(): Promise<void> {}

  /** Stops receiving messages from other nodes. */
  stop(): void {
    this.#unsubscribe?.();
  }

  /** Joins a `#finish` of the same session that is in progress. */
  #finishOnce(session: Session, parts: readonly StoredPart[]): Promise<FileDigest> {
    const inProgress = this.#finishing.get(session.id);
    if (inProgress !== undefined) return inProgress;
    const finishing = this.#finish(session, parts).finally(() => this.#finishing.delete(session.id));
    // Avoids an unhandled rejection if all callers have timed out.
    finishing.catch(() => {});
    this.#finishing.set(session.id, finishing);
    return finishing;
  }

  async #finish(session: Session, parts: readonly StoredPart[]): Promise<FileDigest> {
    const { db, node } = this.#deps;
    const hashing = this.#track(session);
    hashing.waiters += 1;
    try {
      const unresponsive = new Set<NodeId>();
      for (;;) {
        const checkpoint = await findHashCheckpoint(db, session.id);
        if (checkpoint === undefined) throw await this.#cleanUpEnded(session);
        if (checkpoint.parts === session.staged.layout.partCount) {
          const sha1 = await this.#finishHash(session, checkpoint);
          if (sha1 !== undefined) return { sha1, checkpoint };
          continue;
        }
        hashing.checkpoint = checkpoint;
        if (checkpoint.next === node) await this.#runner.loadLocalParts(hashing);
        // If a run in progress fails, its own caller gets the error; this commit then tries by itself.
        while (hashing.running !== undefined) await hashing.running.catch(() => {});
        await this.#runner.run(hashing);
        if (hashing.checkpoint.parts !== checkpoint.parts) continue;
        if (await this.#waitForOtherNode(hashing, checkpoint, unresponsive)) continue;
        await rehashFromStore(this.#deps, session, parts);
      }
    } finally {
      hashing.waiters -= 1;
    }
  }

  /**
   * Deletes the bytes of a session that has ended meanwhile. Rehashing may have completed the blob after its bytes were
   * deleted, and if all callers have timed out, nothing else would delete them soon.
   */
  async #cleanUpEnded({ id, staged }: Session): Promise<Error> {
    await deleteStagedBytes(this.#deps, staged);
    return sessionNotFoundError(id);
  }

  /** Undefined if another version created the state; then the checkpoint is reset. */
  async #finishHash(session: Session, checkpoint: HashCheckpoint): Promise<Sha1 | undefined> {
    const { db, digests, node } = this.#deps;
    try {
      return await digests.finish(checkpoint.state);
    } catch (error) {
      if (!(error instanceof DigestStateUnusableError)) throw error;
      await resetHashCheckpoint(db, session.id, { from: checkpoint, by: node });
      return undefined;
    }
  }

  /**
   * Asks the node that has the next part to continue. Returns true if the checkpoint has moved. A node that does not respond
   * in time is not asked again.
   */
  async #waitForOtherNode(
    hashing: HashingSession,
    { parts, state, next }: HashCheckpointWithOwner,
    unresponsive: Set<NodeId>,
  ): Promise<boolean> {
    const { db, messages, node } = this.#deps;
    const { id } = hashing.session;
    if (messages === undefined || next === undefined || next === '' || next === node) return false;
    if (unresponsive.has(next)) return false;
    hashing.otherNodeUntil = performance.now() + ACK_TIMEOUT;
    await messages.send(next, { session: id, parts, ...(state !== undefined && { state }), from: node });
    for (let reads = 1; performance.now() < hashing.otherNodeUntil; reads += 1) {
      await sleep(exponentialDelay(reads, PAUSES));
      const current = await findHashCheckpoint(db, id);
      if (current?.parts !== parts) return true;
      if (current.next !== next) return false;
    }
    unresponsive.add(next);
    return false;
  }

  async #onMessage(message: NodeMessage): Promise<void> {
    const { db, messages } = this.#deps;
    if ('ack' in message) {
      const hashing = this.#sessions.get(message.session);
      if (hashing !== undefined) hashing.otherNodeUntil = performance.now() + ACK_VALID_FOR;
      return;
    }
    const session = this.#sessions.get(message.session)?.session ?? (await findSession(db, message.session));
    if (session?.state !== 'open') return;
    const hashing = this.#track(session);
    updateCheckpoint(hashing, { parts: message.parts, state: message.state });
    await this.#runner.loadLocalParts(hashing);
    if (message.from !== undefined && hashing.localParts.has(hashing.checkpoint.parts)) {
      await messages?.send(message.from, { session: session.id, ack: true });
    }
    await this.#runner.run(hashing);
  }

  /** Called when messages may have been missed. Reads the checkpoints of all sessions of which this node has parts. */
  async #resumeAll(): Promise<void> {
    const sessions = [...this.#sessions.values()].filter(({ localParts }) => localParts.size > 0);
    for (const batch of splitIntoBatches(sessions, 100)) {
      const checkpoints = await findHashCheckpoints(
        this.#deps.db,
        batch.map(({ session }) => session.id),
      );
      for (const hashing of batch) {
        const checkpoint = checkpoints.get(hashing.session.id);
        if (checkpoint === undefined) this.forget(hashing.session.id);
        else {
          updateCheckpoint(hashing, checkpoint);
          this.#runInBackground(hashing.session.id, () => this.#runner.run(hashing));
        }
      }
    }
  }

  #track(session: Session): HashingSession {
    const hashing = this.#sessions.get(session.id) ?? newHashingSession(session);
    this.#sessions.set(session.id, hashing);
    return hashing;
  }

  /** Runs work that no caller waits for, and reports its error. */
  #runInBackground(session: SessionId | undefined, work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#deps.onError(session, error));
  }
}
