/** Runs tasks with the same key one at a time, in order. Tasks with different keys run concurrently. */
export class KeyedQueue<Key> {
  readonly #last = new Map<Key, Promise<unknown>>();

  /** Settles as `task` does. A task that fails does not block the next one. */
  async run<T>(key: Key, task: () => Promise<T>): Promise<T> {
    const previous = this.#last.get(key) ?? Promise.resolve();
    const current = previous.then(task, task);
    this.#last.set(key, current);
    try {
      return await current;
    } finally {
      if (this.#last.get(key) === current) this.#last.delete(key);
    }
  }
}

/** Runs tasks one at a time, in order. */
export class SerialQueue {
  readonly #queue = new KeyedQueue<'all'>();

  /** Settles as `task` does. A task that fails does not block the next one. */
  run<T>(task: () => Promise<T>): Promise<T> {
    return this.#queue.run('all', task);
  }
}
