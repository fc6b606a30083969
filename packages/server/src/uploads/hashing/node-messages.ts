import type { NodeId, SessionId } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import type { HashState } from '../../hash-workers/resumable-pool.ts';

/** A message between nodes about the whole-file hash of a session. */
export type NodeMessage =
  /** The checkpoint, to the node that has the next part. `from` is a node with a waiting commit, which expects an ack. */
  | { session: SessionId; parts: number; state?: HashState; from?: NodeId }
  /** The reply: this node has the part and is hashing it. */
  | { session: SessionId; ack: true };

/** Receives notifications. `onReconnect` is called when some may have been missed. */
export interface Channels {
  /** @returns A function that ends the subscription. */
  listen(channel: string, listener: { onPayload: (payload: string) => void; onReconnect: () => void }): () => void;
}

/** The name of a node's own channel. */
export function channelFor(node: NodeId): string {
  return `partway_node_${node}`;
}

/**
 * Sends messages between nodes with PostgreSQL's NOTIFY. They only save time. If one is lost, the next part, a reconnect or
 * the commit makes up for it.
 */
export class NodeMessages {
  readonly #db: Kysely<Tables>;
  readonly #channels: Channels;

  constructor(db: Kysely<Tables>, channels: Channels) {
    this.#db = db;
    this.#channels = channels;
  }

  async send(to: NodeId, message: NodeMessage): Promise<void> {
    await sql`select pg_notify(${channelFor(to)}, ${JSON.stringify(message)})`.execute(this.#db);
  }

  /** @returns A function that ends the subscription. */
  subscribe(node: NodeId, onMessage: (message: NodeMessage) => void, onReconnect: () => void): () => void {
    const onPayload = (payload: string) => onMessage(JSON.parse(payload) as NodeMessage);
    return this.#channels.listen(channelFor(node), { onPayload, onReconnect });
  }
}
