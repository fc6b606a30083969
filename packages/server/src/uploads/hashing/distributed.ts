import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis, NodeId, SessionId, Sha1 } from '@partway/protocol/ids';
import { DigestStateUnusableError } from '../../hash-workers/resumable-pool.ts';
import { deleteStagedBytes } from '../end-session.ts';
import { sessionNotFoundError } from '../find-session.ts';
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

/** What this follower works with. */
interface DistributedHasherDeps extends RehashDeps {
  /** How nodes call each other; undefined where there is one node alone. */
  messages: NodeMessages | undefined;
  /** How many sessions are remembered; of the one longest untouched the rows say enough. */
  maxSessions: number;
  /** Told of a digest that could not go on; it is tried again at the next part and at the commit. */
  onError: (session: SessionId | undefined, error: unknown) => void;
}

/** After this long without a word, a node that was asked for its bytes is taken for dead. */
const ACK_TIMEOUT: Millis = 2_000;
/** For how long an answer is good. */
const ACK_VALID_FOR: Millis = 10_000;
const [FIRST_PAUSE, LAST_PAUSE]: [Millis, Millis] = [10, 250];

/**
 * The digest handed from node to node: its mark and its state lie in the session's row, each node carries them on as far
 * as it has bytes at hand, and the row's old mark must still be there when the new one is written. Then the node that has
 * the next slot is called. What lies in memory here may be lost at any time; bytes that no node has any more are read
 * back from the sealed object at the commit.
 */
export class DistributedHasher implements Hasher {
  readonly #deps: DistributedHasherDeps;
  readonly #runner: HashRunner;
  /** In the order in which they were last touched. */
  readonly #sessions = new Map<SessionId, HashingSession>();
  readonly #finishing = new Map<SessionId, Promise<FileDigest>>();
  readonly #unsubscribe: (() => void) | undefined;

  constructor(parts: DistributedHasherDeps) {
    this.#deps = parts;
    this.#runner = new HashRunner({
      ...parts,
      notify: parts.messages !== undefined,
      forget: (session) => this.forget(session),
    });
    this.#unsubscribe = parts.messages?.subscribe(
      parts.node,
      (call) => this.#try(call.session, () => this.#onMessage(call)),
      () => this.#try(undefined, () => this.#resumeAll()),
    );
  }

  partStored(session: Session, index: number, checkpoint?: HashCheckpoint): void {
    const followed = this.#track(session);
    followed.localParts.add(index);
    this.#try(session.id, async () => {
      const known = checkpoint ?? (await findHashCheckpoint(this.#deps.db, session.id));
      if (known === undefined) return this.forget(session.id);
      updateCheckpoint(followed, known);
      await this.#runner.run(followed);
    });
  }

  async finish(session: Session, parts: readonly StoredPart[], timeout: number): Promise<FileDigest | undefined> {
    const { promise: tooLate, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, timeout, undefined);
    try {
      return await Promise.race([this.#finishOnce(session, parts), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  forget(id: SessionId): void {
    this.#sessions.delete(id);
  }

  /** A process that has just begun has nothing at hand: the rows say where to go on, once somebody asks. */
  async resume(): Promise<void> {}

  /** Hears no more calls. */
  stop(): void {
    this.#unsubscribe?.();
  }

  /** One finish a session at a time; a commit that comes again joins it. */
  #finishOnce(session: Session, parts: readonly StoredPart[]): Promise<FileDigest> {
    const running = this.#finishing.get(session.id);
    if (running !== undefined) return running;
    const finishing = this.#finish(session, parts).finally(() => this.#finishing.delete(session.id));
    // Whoever waits hears of it; nobody may be waiting any more.
    finishing.catch(() => {});
    this.#finishing.set(session.id, finishing);
    return finishing;
  }

  async #finish(session: Session, parts: readonly StoredPart[]): Promise<FileDigest> {
    const { db, node } = this.#deps;
    const followed = this.#track(session);
    followed.awaited += 1;
    try {
      const silent = new Set<NodeId>();
      for (;;) {
        const checkpoint = await findHashCheckpoint(db, session.id);
        if (checkpoint === undefined) throw await this.#ended(session);
        if (checkpoint.parts === session.staged.layout.partCount) {
          const sha1 = await this.#sha1At(session, checkpoint);
          if (sha1 !== undefined) return { sha1, checkpoint };
          continue;
        }
        followed.checkpoint = checkpoint;
        if (checkpoint.next === node) await this.#runner.loadLocalParts(followed);
        // One that fails did so for whoever began it; this one tries for itself.
        while (followed.running !== undefined) await followed.running.catch(() => {});
        await this.#runner.run(followed);
        if (followed.checkpoint.parts !== checkpoint.parts) continue;
        if (await this.#waitForOtherNode(followed, checkpoint, silent)) continue;
        await rehashFromStore(this.#deps, session, parts);
      }
    } finally {
      followed.awaited -= 1;
    }
  }

  /**
   * The session has ended meanwhile. What removed its bytes may have come before a seal for the reading back had its effect,
   * and nobody may be waiting any more who would look.
   */
  async #ended({ id, staged }: Session): Promise<Error> {
    await deleteStagedBytes(this.#deps, staged);
    return sessionNotFoundError(id);
  }

  /** Undefined where its state is of another build; it is taken back then. */
  async #sha1At(session: Session, checkpoint: HashCheckpoint): Promise<Sha1 | undefined> {
    const { db, digests, node } = this.#deps;
    try {
      return await digests.finish(checkpoint.state);
    } catch (error) {
      if (!(error instanceof DigestStateUnusableError)) throw error;
      await resetHashCheckpoint(db, session.id, { from: checkpoint, by: node });
      return undefined;
    }
  }

  /** Whether the node that has the next slot moves the mark; one that says nothing for a while is not asked again. */
  async #waitForOtherNode(
    followed: HashingSession,
    { parts: slots, state, next }: HashCheckpointWithOwner,
    silent: Set<NodeId>,
  ): Promise<boolean> {
    const { db, messages: calls, node } = this.#deps;
    const { id } = followed.session;
    if (calls === undefined || next === undefined || next === '' || next === node || silent.has(next)) return false;
    followed.otherNodeUntil = performance.now() + ACK_TIMEOUT;
    await calls.send(next, { session: id, slots, ...(state !== undefined && { state }), from: node });
    for (
      let pause = FIRST_PAUSE;
      performance.now() < followed.otherNodeUntil;
      pause = Math.min(2 * pause, LAST_PAUSE)
    ) {
      await sleep(pause);
      const now = await findHashCheckpoint(db, id);
      if (now?.parts !== slots) return true;
      if (now.next !== next) return false;
    }
    silent.add(next);
    return false;
  }

  async #onMessage(call: NodeMessage): Promise<void> {
    const { db, messages: calls } = this.#deps;
    if ('coming' in call) {
      const waiting = this.#sessions.get(call.session);
      if (waiting !== undefined) waiting.otherNodeUntil = performance.now() + ACK_VALID_FOR;
      return;
    }
    const session = this.#sessions.get(call.session)?.session ?? (await findSession(db, call.session));
    if (session?.state !== 'open') return;
    const followed = this.#track(session);
    updateCheckpoint(followed, { parts: call.slots, state: call.state });
    await this.#runner.loadLocalParts(followed);
    if (call.from !== undefined && followed.localParts.has(followed.checkpoint.parts)) {
      await calls?.send(call.from, { session: session.id, coming: true });
    }
    await this.#runner.run(followed);
  }

  /** Calls may have been missed: looks where the digests stand for which this node has bytes. */
  async #resumeAll(): Promise<void> {
    const waiting = [...this.#sessions.values()].filter(({ localParts: held }) => held.size > 0);
    for (let at = 0; at < waiting.length; at += 100) {
      const batch = waiting.slice(at, at + 100);
      const marks = await findHashCheckpoints(
        this.#deps.db,
        batch.map(({ session }) => session.id),
      );
      for (const followed of batch) {
        const checkpoint = marks.get(followed.session.id);
        if (checkpoint === undefined) this.forget(followed.session.id);
        else {
          updateCheckpoint(followed, checkpoint);
          this.#try(followed.session.id, () => this.#runner.run(followed));
        }
      }
    }
  }

  #track(session: Session): HashingSession {
    const followed = this.#sessions.get(session.id) ?? newHashingSession(session);
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, followed);
    if (this.#sessions.size > this.#deps.maxSessions) this.#dropOldest(followed);
    return followed;
  }

  #dropOldest(but: HashingSession): void {
    for (const [id, followed] of this.#sessions) {
      if (followed === but || followed.awaited > 0 || followed.running !== undefined) continue;
      this.#sessions.delete(id);
      return;
    }
  }

  /** Does what nobody waits for, and tells of what went wrong. */
  #try(session: SessionId | undefined, work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#deps.onError(session, error));
  }
}
