import type { NodeId, SessionId } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { DigestState } from '../../hash-workers/resumable-pool.ts';

/** Something one node tells another about the digest of a session. */
export type NodeCall =
  /** The mark is here, and the slot that comes next is said to be yours. `from`: the node that waits, for a commit. */
  | { session: SessionId; slots: number; state?: DigestState; from?: NodeId }
  /** An answer to that: the bytes are here, and being worked at. */
  | { session: SessionId; coming: true };

/** Hears what is sent to a channel; `onGap` says that something may have been missed. */
export interface Channels {
  listen(channel: string, listener: { onPayload: (payload: string) => void; onGap: () => void }): () => void;
}

/** The channel to which one node alone listens, so that a call wakes nobody else. */
export function channelOf(node: NodeId): string {
  return `partway_node_${node}`;
}

/**
 * Calls between nodes, by PostgreSQL's NOTIFY. They save time and decide nothing: one that is lost is made up for by
 * the next part, by `onGap`, and by the commit, which asks again.
 */
export class NodeCalls {
  readonly #db: Kysely<Tables>;
  readonly #channels: Channels;

  constructor(db: Kysely<Tables>, channels: Channels) {
    this.#db = db;
    this.#channels = channels;
  }

  /** A statement of its own. */
  async send(to: NodeId, call: NodeCall): Promise<void> {
    await sql`select pg_notify(${channelOf(to)}, ${JSON.stringify(call)})`.execute(this.#db);
  }

  /** @returns Stops hearing. */
  hear(node: NodeId, onCall: (call: NodeCall) => void, onGap: () => void): () => void {
    const onPayload = (payload: string) => onCall(JSON.parse(payload) as NodeCall);
    return this.#channels.listen(channelOf(node), { onPayload, onGap });
  }
}
