interface Waiter {
  resolve(sha1: string): void;
  reject(error: unknown): void;
}

/** The jobs of a hash worker without a reply, by ID. For threads of Node.js and for web workers. */
export class PendingHashes {
  readonly #waiters = new Map<number, Waiter>();
  #lastId = 0;

  /** Calls `post` to send a job with a new ID, and settles with its reply. */
  request(post: (id: number) => void): Promise<string> {
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

  rejectAll(error: unknown): void {
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
  }
}
