interface PinnedLruOptions<Key, Value> {
  /** Number of entries. The map exceeds it only while all other entries are pinned. */
  max: number;
  /** True for an entry that is in use and must not be evicted. Called if the map has too many entries. */
  isPinned: (value: Value) => boolean;
  onEvict?: (key: Key, value: Value) => void;
}

/**
 * A map that evicts its least recently used entry, like an `LRUCache`, but never one that is pinned. Use an `LRUCache` if
 * any entry can be evicted.
 */
export class PinnedLru<Key, Value> {
  readonly #options: PinnedLruOptions<Key, Value>;
  /** Least recently used first. An `LRUCache` at its limit would evict entries in use too. */
  readonly #entries = new Map<Key, Value>();

  constructor(options: PinnedLruOptions<Key, Value>) {
    this.#options = options;
  }

  /** Does not count as a use. */
  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  /** Adds or uses an entry. If there are too many, evicts others. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#options.max) this.#evict(key);
  }

  delete(key: Key): void {
    this.#entries.delete(key);
  }

  /** The values, the least recently used first. */
  values(): Iterable<Value> {
    return this.#entries.values();
  }

  #evict(except: Key): void {
    const { isPinned, onEvict } = this.#options;
    for (const [key, value] of this.#entries) {
      if (key === except || isPinned(value)) continue;
      this.#entries.delete(key);
      onEvict?.(key, value);
      if (this.#entries.size <= this.#options.max) return;
    }
  }
}
