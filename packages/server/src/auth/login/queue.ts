/** Each check costs 32 MiB and a thread of the pool that also reads files, so they run one by one, and few may wait. */
const MOST_WAITING = 64;
const MOST_OF_ONE_NETWORK = 16;

interface Waiting {
  network: string;
  run: () => Promise<void>;
}

/** Runs checks of passwords one after the other. Those known at their address do not wait for those who are not. */
export class LoginQueue {
  readonly #known: Waiting[] = [];
  readonly #others: Waiting[] = [];
  #running = false;

  /** Runs `check` in its turn; undefined if too many wait, from this network or at all. */
  run<T>({ network, isKnown }: { network: string; isKnown: boolean }, check: () => Promise<T>): Promise<T | undefined> {
    const queue = isKnown ? this.#known : this.#others;
    const ofNetwork = queue.filter((waiting) => waiting.network === network).length;
    if (queue.length >= MOST_WAITING || ofNetwork >= MOST_OF_ONE_NETWORK) return Promise.resolve(undefined);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    queue.push({ network, run: () => check().then(resolve, reject) });
    if (!this.#running) void this.#runAll();
    return promise;
  }

  async #runAll(): Promise<void> {
    this.#running = true;
    for (;;) {
      const next = this.#known.shift() ?? this.#others.shift();
      if (next === undefined) break;
      await next.run();
    }
    this.#running = false;
  }
}
