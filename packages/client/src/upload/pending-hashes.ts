interface Waiter {
  resolve(sha1: string): void;
  reject(error: unknown): void;
}

/** The jobs of a hash worker without a reply, by ID. For threads of Node.js and for web workers. */
export class PendingHashes {
  readonly #waiters = new Map<number, Waiter>();
  #lastId = 0;
  #failure: { error: unknown } | undefined;

  /** Calls `post` to send a job with a new ID, and settles with its reply. */
  request(post: (id: number) => void): Promise<string> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => {
      this.#lastId += 1;
      this.#waiters.set(this.#lastId, { resolve, reject });
      post(this.#lastId);
    });
  }

  /** Settles the request with this ID. Does nothing if there is none. */
  settle(id: number, reply: { sha1: string } | { error: unknown }): void {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    if ('error' in reply) waiter?.reject(reply.error);
    else waiter?.resolve(reply.sha1);
  }

  /** Rejects all pending and later requests, because the worker has ended. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
  }
}
