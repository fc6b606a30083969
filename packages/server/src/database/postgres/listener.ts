import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../schema.ts';

/** What is done when a channel's bell rings. */
interface ChannelListener {
  /** @param payload What the notifier gave along; PostgreSQL takes up to 7,999 bytes. */
  onPayload: (payload: string) => void;
  /** Notifications may have been missed until now: look for yourself what they would have said. */
  onReconnect: () => void;
}

interface PostgresListenerOptions {
  /** Told each time the connection is lost or cannot be made, and of what a listener throws. */
  onError?: (error: unknown) => void;
  /** How long a dead line is believed in, in milliseconds. */
  heartbeat?: number;
}

/** Time from one try to connect to the next, in milliseconds: doubled from the first to the last. */
const FIRST_PAUSE = 100;
const LAST_PAUSE = 5_000;
/** How often the line is asked whether it is still there, in milliseconds; it has half of that for an answer. */
const HEARTBEAT = 20_000;

/** Rings on every node that listens, once the transaction of `db` has ended well. A statement may call `pg_notify` itself. */
export async function notify(db: Kysely<Tables>, channel: string, payload: string): Promise<void> {
  await sql`select pg_notify(${channel}, ${payload})`.execute(db);
}

/**
 * Hears PostgreSQL's notifications, over one connection of its own that is made again whenever it is lost, for ever. It
 * connects at the first `listen`.
 */
export class PostgresListener {
  readonly #url: string;
  readonly #onTrouble: (error: unknown) => void;
  readonly #pulse: number;
  readonly #listeners = new Map<string, Set<ChannelListener>>();
  #changed = Promise.withResolvers<void>();
  #keeping: Promise<void> | undefined;
  #closed = false;

  constructor(url: string, { onError = () => {}, heartbeat: pulse = HEARTBEAT }: PostgresListenerOptions = {}) {
    this.#url = url;
    this.#onTrouble = onError;
    this.#pulse = pulse;
  }

  /**
   * Calls the listener at each notification of the channel. `onGap` is called once the channel is heard for the first
   * time, and each time it is heard again after the connection was lost; what is notified from then on is not missed.
   * @returns Stops calling it.
   */
  listen(channel: string, listener: ChannelListener): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    this.#changed.resolve();
    this.#keeping ??= this.#run();
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return;
      this.#listeners.delete(channel);
      this.#changed.resolve();
    };
  }

  /** Resolves once the connection is closed; nobody is called from now on. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#changed.resolve();
    await this.#keeping;
  }

  async #run(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!this.#closed) {
      const began = performance.now();
      try {
        await this.#stayConnected();
      } catch (error) {
        if (this.#closed) return;
        this.#onTrouble(error);
        // A connection that stood for a while does not count as a failed try.
        if (performance.now() - began > this.#pulse) pause = FIRST_PAUSE;
        this.#changed = Promise.withResolvers<void>();
        await this.#rest(pause * (0.5 + Math.random() / 2));
        pause = Math.min(pause * 2, LAST_PAUSE);
      }
    }
  }

  /** One connection, from its beginning to its end: by `close`, or by the error that this rejects with. */
  async #stayConnected(): Promise<void> {
    const answer = this.#pulse / 2;
    // Loaded only where it is used: the driver takes 11 MB of memory.
    const { Client, escapeIdentifier } = await import('pg');
    const client = new Client({
      connectionString: this.#url,
      application_name: 'partway bell',
      connectionTimeoutMillis: answer,
      query_timeout: answer,
      keepAlive: true,
    });
    let lost: Error | undefined;
    const lose = (error: Error): void => {
      lost ??= error;
      this.#changed.resolve();
    };
    client.on('error', lose);
    client.on('end', () => lose(new Error('the connection ended')));
    client.on('notification', ({ channel, payload }) => {
      for (const listener of this.#listeners.get(channel) ?? []) this.#call(() => listener.onPayload(payload ?? ''));
    });
    const channels = new Set<string>();
    const told = new WeakSet<ChannelListener>();
    try {
      await client.connect();
      while (!this.#closed) {
        this.#changed = Promise.withResolvers<void>();
        for (const [channel, listeners] of this.#listeners) {
          if (!channels.has(channel)) await client.query(`listen ${escapeIdentifier(channel)}`);
          channels.add(channel);
          for (const listener of listeners) {
            if (!told.has(listener)) this.#call(() => listener.onReconnect());
            told.add(listener);
          }
        }
        for (const channel of channels) {
          if (this.#listeners.has(channel)) continue;
          await client.query(`unlisten ${escapeIdentifier(channel)}`);
          channels.delete(channel);
        }
        if (lost === undefined) await this.#rest(this.#pulse);
        if (lost !== undefined) throw lost;
        await client.query('select 1');
      }
    } finally {
      await Promise.race([client.end().catch(() => {}), sleep(answer, undefined, { ref: false })]);
    }
  }

  #call(listener: () => void): void {
    if (this.#closed) return;
    try {
      listener();
    } catch (error) {
      this.#onTrouble(error);
    }
  }

  /** Until there is something new to listen to, the line is lost, or it is to be closed; no longer than `most` milliseconds. */
  async #rest(most: number): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, most);
    await Promise.race([this.#changed.promise, over]);
    clearTimeout(timer);
  }
}
