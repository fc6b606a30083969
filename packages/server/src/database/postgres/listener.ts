import { backoff } from '@partway/protocol/backoff';
import { type Kysely, sql } from 'kysely';
import { withTimeout } from '../../util/timeout.ts';
import type { Tables } from '../schema.ts';

interface ChannelListener {
  /** @param payload The payload of the notification, up to 7,999 bytes. */
  onPayload: (payload: string) => void;
  /** Notifications might have been missed until now, so read the current state from the tables. */
  onReconnect: () => void;
}

interface PostgresListenerOptions {
  /** Called when the connection is lost or cannot be opened, and with errors that a listener throws. */
  onError?: (error: unknown) => void;
  /** The interval in milliseconds at which the connection is checked. */
  heartbeat?: number;
}

/** Between attempts to connect. */
const PAUSES = { first: 100, max: 5_000 };
/** How often the connection is checked, in milliseconds. The server has half of this time to respond. */
const HEARTBEAT = 20_000;

/** Notifies all nodes that listen, once the transaction of `db` has committed. Statements can also call `pg_notify`. */
export async function notify(db: Kysely<Tables>, channel: string, payload: string): Promise<void> {
  await sql`select pg_notify(${channel}, ${payload})`.execute(db);
}

/**
 * Receives PostgreSQL notifications over a connection of its own, which it opens at the first `listen`, and reopens whenever
 * it is lost.
 */
export class PostgresListener {
  readonly #url: string;
  readonly #onError: (error: unknown) => void;
  readonly #heartbeat: number;
  readonly #listeners = new Map<string, Set<ChannelListener>>();
  #changed = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(url: string, { onError = () => {}, heartbeat = HEARTBEAT }: PostgresListenerOptions = {}) {
    this.#url = url;
    this.#onError = onError;
    this.#heartbeat = heartbeat;
  }

  /**
   * Calls the listener for each notification of the channel. Calls `onReconnect` when listening has started, and again each
   * time after the connection was lost. No later notification is missed.
   * @returns A function that removes the listener.
   */
  listen(channel: string, listener: ChannelListener): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    this.#changed.resolve();
    this.#running ??= this.#run();
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return;
      this.#listeners.delete(channel);
      this.#changed.resolve();
    };
  }

  /** Resolves once the connection is closed. No listener is called from now on. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#changed.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    let attempts = 0;
    while (!this.#closed) {
      const startedAt = performance.now();
      try {
        await this.#keepConnected();
      } catch (error) {
        if (this.#closed) return;
        this.#onError(error);
        // A connection that lasted for a while does not count as a failed attempt.
        if (performance.now() - startedAt > this.#heartbeat) attempts = 0;
        attempts += 1;
        this.#changed = Promise.withResolvers<void>();
        await this.#wait(backoff(attempts, PAUSES));
      }
    }
  }

  /** Opens one connection and keeps it until `close`, or until it fails, with which this rejects. */
  async #keepConnected(): Promise<void> {
    const responseTimeout = this.#heartbeat / 2;
    // Loaded only if it is used, because the driver takes 11 MB of memory.
    const { Client, escapeIdentifier } = await import('pg');
    const client = new Client({
      connectionString: this.#url,
      application_name: 'partway listener',
      connectionTimeoutMillis: responseTimeout,
      query_timeout: responseTimeout,
      keepAlive: true,
    });
    let lost: Error | undefined;
    const lose = (error: Error): void => {
      lost ??= error;
      this.#changed.resolve();
    };
    client.on('error', lose);
    client.on('end', () => lose(new Error('The connection was closed.')));
    client.on('notification', ({ channel, payload }) => {
      for (const listener of this.#listeners.get(channel) ?? []) this.#call(() => listener.onPayload(payload ?? ''));
    });
    const channels = new Set<string>();
    const notified = new WeakSet<ChannelListener>();
    try {
      await client.connect();
      while (!this.#closed) {
        this.#changed = Promise.withResolvers<void>();
        for (const [channel, listeners] of this.#listeners) {
          if (!channels.has(channel)) await client.query(`listen ${escapeIdentifier(channel)}`);
          channels.add(channel);
          for (const listener of listeners) {
            if (!notified.has(listener)) this.#call(() => listener.onReconnect());
            notified.add(listener);
          }
        }
        for (const channel of channels) {
          if (this.#listeners.has(channel)) continue;
          await client.query(`unlisten ${escapeIdentifier(channel)}`);
          channels.delete(channel);
        }
        if (lost === undefined) await this.#wait(this.#heartbeat);
        if (lost !== undefined) throw lost;
        await client.query('select 1');
      }
    } finally {
      const ended = client.end().catch(() => {});
      await withTimeout(ended, responseTimeout, () => {});
    }
  }

  #call(listener: () => void): void {
    if (this.#closed) return;
    try {
      listener();
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Waits until the channels change, the connection is lost, or `close` is called, up to `maxMillis`. */
  #wait(maxMillis: number): Promise<void> {
    return withTimeout(this.#changed.promise, maxMillis, () => {});
  }
}
