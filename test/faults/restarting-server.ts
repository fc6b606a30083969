import { EventEmitter, once } from 'node:events';
import type { TestServer } from '../support/server.ts';
import { WireClient } from './wire-client.ts';

export type Call = 'create' | 'put' | 'commit' | 'list';

/** A server that is killed at times, and a client that waits until it is running again. */
export class RestartingServer {
  readonly client: WireClient;
  readonly #server: TestServer;
  readonly #sent = new EventEmitter().setMaxListeners(0);
  #up: Promise<void> = Promise.resolve();
  #kills = 0;

  constructor(server: TestServer) {
    this.#server = server;
    this.client = new WireClient(server);
  }

  /** Resolves when a client makes such a call. */
  async sent(call: Call): Promise<void> {
    await once(this.#sent, call);
  }

  /** Sends SIGKILL and starts the server again on the same port and folder. */
  async kill(): Promise<void> {
    this.#kills += 1;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#up = promise;
    promise.catch(() => {});
    try {
      await this.#server.kill();
      await this.#server.restart();
      resolve();
    } catch (error) {
      reject(error);
      throw error;
    }
  }

  /**
   * Makes a call when the server is running. Returns undefined if the server was killed before it responded; any
   * other error is thrown.
   */
  async try<T>(call: Call, make: (client: WireClient) => Promise<T>): Promise<T | undefined> {
    await this.#up;
    const kills = this.#kills;
    const answer = make(this.client);
    this.#sent.emit(call);
    try {
      return await answer;
    } catch (error) {
      // What `fetch` throws if there is no response, or only part of one.
      if (error instanceof TypeError && this.#kills > kills) return undefined;
      throw error;
    }
  }

  /** Repeats a call until it gets a response. */
  async call<T>(call: Call, make: (client: WireClient) => Promise<T>): Promise<T> {
    for (;;) {
      const answer = await this.try(call, make);
      if (answer !== undefined) return answer;
    }
  }
}
