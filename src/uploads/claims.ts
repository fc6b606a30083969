import type { SessionId } from '../api/ids.ts';

/** A body on its way in, which can be told to stop. */
export type PartBody = AsyncIterable<Uint8Array> & { destroy(reason?: Error): unknown };

/** The right to write one slot, until it is given back. */
export interface Claim {
  giveBack(): void;
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
export class Claims {
  readonly #sessions = new Map<SessionId, Map<number, Holder>>();

  /** Resolves once this request alone may write the slot. */
  async take(session: SessionId, slot: number, body: PartBody): Promise<Claim> {
    const slots = this.#sessions.get(session) ?? new Map<number, Holder>();
    this.#sessions.set(session, slots);
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const older = slots.get(slot);
    const holder: Holder = { body, done };
    slots.set(slot, holder);
    if (older !== undefined) {
      older.body.destroy(new Error('a newer request for the same part took over'));
      await older.done;
    }
    return {
      giveBack: () => {
        if (slots.get(slot) === holder) slots.delete(slot);
        if (slots.size === 0 && this.#sessions.get(session) === slots) this.#sessions.delete(session);
        finish();
      },
    };
  }

  /** Resolves once no request that is writing to the session now does so any more. */
  async settled(session: SessionId): Promise<void> {
    await Promise.all([...(this.#sessions.get(session)?.values() ?? [])].map((holder) => holder.done));
  }
}
