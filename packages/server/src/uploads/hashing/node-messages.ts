import type { NodeId, SessionId } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { HashState } from '../../hash-workers/resumable-pool.ts';

/** Something one node tells another about the digest of a session. */
export type NodeMessage =
  /** The mark is here, and the slot that comes next is said to be yours. `from`: the node that waits, for a commit. */
  | { session: SessionId; slots: number; state?: HashState; from?: NodeId }
  /** An answer to that: the bytes are here, and being worked at. */
  | { session: SessionId; coming: true };

/** Hears what is sent to a channel; `onGap` says that something may have been missed. */
export interface Channels {
  listen(channel: string, listener: { onPayload: (payload: string) => void; onReconnect: () => void }): () => void;
}

/** The channel to which one node alone listens, so that a call wakes nobody else. */
export function channelFor(node: NodeId): string {
  return `partway_node_${node}`;
}

/**
 * Calls between nodes, by PostgreSQL's NOTIFY. They save time and decide nothing: one that is lost is made up for by
 * the next part, by `onGap`, and by the commit, which asks again.
 */
export class NodeMessages {
  readonly #db: Kysely<Tables>;
  readonly #channels: Channels;

  constructor(db: Kysely<Tables>, channels: Channels) {
    this.#db = db;
    this.#channels = channels;
  }

  /** A statement of its own. */
  async send(to: NodeId, call: NodeMessage): Promise<void> {
    await sql`select pg_notify(${channelFor(to)}, ${JSON.stringify(call)})`.execute(this.#db);
  }

  /** @returns Stops hearing. */
  subscribe(node: NodeId, onCall: (call: NodeMessage) => void, onReconnect: () => void): () => void {
    const onPayload = (payload: string) => onCall(JSON.parse(payload) as NodeMessage);
    return this.#channels.listen(channelFor(node), { onPayload, onReconnect });
  }
}
