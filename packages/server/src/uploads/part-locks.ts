import type { SessionId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import type { IncomingBody } from '../storage/blob-store.ts';

/** A request body in progress. */
export type PartBody = IncomingBody & {
  /** Makes the reader fail with `reason`, and aborts `signal`. Has no effect once the body has been read to its end. */
  destroy(reason: Error): unknown;
  /** Aborted if the client disconnects, and by `destroy`. Ends any waiting. */
  readonly signal?: AbortSignal;
};

interface PartLock {
  release(): void;
}

interface LockHolder {
  body: PartBody;
  /** Resolves when the lock is released. */
  released: Promise<void>;
}

/**
 * Ensures that one request at a time writes a part on this node. The newest request wins: a client sends a part again when
 * its first connection is half-open, and should not wait for that to time out. The older request is aborted, and the newer
 * one starts after the older one has stopped writing, so that their bytes do not mix.
 */
export class PartLocks {
  readonly #sessions = new Map<SessionId, Map<number, LockHolder>>();

  /** Resolves when this request has the lock. Rejects with the reason of its body's signal if that is aborted first. */
  async lock(session: SessionId, index: number, body: PartBody): Promise<PartLock> {
    body.signal?.throwIfAborted();
    const holders = this.#sessions.get(session) ?? new Map<number, LockHolder>();
    this.#sessions.set(session, holders);
    const { promise: released, resolve: setReleased } = Promise.withResolvers<void>();
    const older = holders.get(index);
    const holder: LockHolder = { body, released };
    holders.set(index, holder);
    const release = () => {
      if (holders.get(index) === holder) holders.delete(index);
      if (holders.size === 0 && this.#sessions.get(session) === holders) this.#sessions.delete(session);
      setReleased();
    };
    if (older !== undefined) {
      older.body.destroy(new DomainError('blocked', 'A newer request for the same part has replaced this one.'));
      try {
        await waitUnlessAborted(older.released, body.signal);
      } catch (error) {
        // A request that waits for this one also has to wait for the older one.
        void older.released.then(release);
        throw error;
      }
    }
    return { release };
  }

  /** Resolves when all requests that hold or wait for a lock of the session now have released it. */
  async waitIdle(session: SessionId): Promise<void> {
    await Promise.all([...(this.#sessions.get(session)?.values() ?? [])].map((holder) => holder.released));
  }
}

/** Waits for `promise`. Rejects with the reason of `signal` if that is aborted first. */
async function waitUnlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
