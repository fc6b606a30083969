const MAX_WAITING = 64;
const MAX_WAITING_PER_NETWORK = 16;

interface WaitingCheck {
  network: string;
  run: () => Promise<void>;
}

/**
 * Runs password checks one at a time, because each one takes 32 MiB and a thread of the pool that also reads files.
 * Checks of logins that are known for their network do not wait for others.
 */
export class LoginQueue {
  readonly #known: WaitingCheck[] = [];
  readonly #others: WaitingCheck[] = [];
  #isRunning = false;

  /**
   * Runs `check` when it is its turn. Resolves to undefined if too many checks are waiting, in total or of this
   * network.
   */
  run<T>({ network, isKnown }: { network: string; isKnown: boolean }, check: () => Promise<T>): Promise<T | undefined> {
    const queue = isKnown ? this.#known : this.#others;
    const waitingOfNetwork = queue.filter((waiting) => waiting.network === network).length;
    if (queue.length >= MAX_WAITING || waitingOfNetwork >= MAX_WAITING_PER_NETWORK) return Promise.resolve(undefined);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    queue.push({ network, run: () => check().then(resolve, reject) });
    if (!this.#isRunning) void this.#runAll();
    return promise;
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    for (;;) {
      const next = this.#known.shift() ?? this.#others.shift();
      if (next === undefined) break;
      await next.run();
    }
    this.#isRunning = false;
  }
}
