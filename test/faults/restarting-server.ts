import { EventEmitter, once } from 'node:events';
import type { TestServer } from '../support/server.ts';
import { WireClient } from './wire-client.ts';

export type Call = 'create' | 'put' | 'commit' | 'list';

/** A server that is killed now and then, and a client of it that waits until it is up again. */
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

  /** Resolves as soon as somebody makes such a call. */
  async sent(call: Call): Promise<void> {
    await once(this.#sent, call);
  }

  /** SIGKILL, and a new start on the same port and folder. */
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
   * Makes a call once the server is up. Undefined where the server was killed before it answered; anything else that
   * goes wrong is thrown.
   */
  async try<T>(call: Call, make: (client: WireClient) => Promise<T>): Promise<T | undefined> {
    await this.#up;
    const kills = this.#kills;
    const answer = make(this.client);
    this.#sent.emit(call);
    try {
      return await answer;
    } catch (error) {
      // What `fetch` throws where there is no answer, or half of one.
      if (error instanceof TypeError && this.#kills > kills) return undefined;
      throw error;
    }
  }

  /** Makes a call again and again until it is answered. */
  async call<T>(call: Call, make: (client: WireClient) => Promise<T>): Promise<T> {
    for (;;) {
      const answer = await this.try(call, make);
      if (answer !== undefined) return answer;
    }
  }
}
