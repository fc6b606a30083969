import type { SessionId } from '@partway/protocol/ids';

/** A body on its way in, which can be told to stop. */
export type PartBody = AsyncIterable<Uint8Array> & {
  destroy(reason?: Error): unknown;
  /** Aborted once there is nobody left to answer; what only waits then ends at once. */
  readonly signal?: AbortSignal;
};

/** The right to write one slot, until it is given back. */
interface PartLock {
  release(): void;
}

interface Holder {
  body: PartBody;
  done: Promise<void>;
}

/**
 * One writer a slot. The newest request wins: a client sends a part again when its first connection is half-open, and
 * must not wait for that to time out. The older request is cut, and the newer one begins only when nothing writes any
 * more, so that no slot is torn.
 */
export class PartLocks {
  readonly #sessions = new Map<SessionId, Map<number, Holder>>();

  /** Resolves once this request alone may write the slot. Rejects at once, with its reason, if its body's signal is aborted. */
  async lock(session: SessionId, index: number, body: PartBody): Promise<PartLock> {
    body.signal?.throwIfAborted();
    const slots = this.#sessions.get(session) ?? new Map<number, Holder>();
    this.#sessions.set(session, slots);
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const older = slots.get(index);
    const holder: Holder = { body, done };
    slots.set(index, holder);
    const giveBack = () => {
      if (slots.get(index) === holder) slots.delete(index);
      if (slots.size === 0 && this.#sessions.get(session) === slots) this.#sessions.delete(session);
      finish();
    };
    if (older !== undefined) {
      older.body.destroy(new Error('a newer request for the same part took over'));
      try {
        await orAborted(older.done, body.signal);
      } catch (error) {
        // Whoever waits for this request waits for those before it.
        void older.done.then(giveBack);
        throw error;
      }
    }
    return { release: giveBack };
  }

  /** Resolves once no request that is writing to the session now does so any more. */
  async waitIdle(session: SessionId): Promise<void> {
    await Promise.all([...(this.#sessions.get(session)?.values() ?? [])].map((holder) => holder.done));
  }
}

/** Resolves as `done` does; rejects with the reason of `signal` if that is aborted before. */
async function orAborted(done: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return done;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason as Error);
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([done, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
