/** Some slots of a session: one bit each, so that ten thousand sessions of ten thousand parts are 12 MB. */
export class SlotSet {
  readonly #bits: Uint8Array;
  #size = 0;

  constructor(slots: number) {
    this.#bits = new Uint8Array(Math.ceil(slots / 8));
  }

  get size(): number {
    return this.#size;
  }

  add(slot: number): void {
    if (this.has(slot)) return;
    const byte = slot >> 3;
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (slot & 7));
    this.#size += 1;
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    const byte = slot >> 3;
    this.#bits[byte] = (this.#bits[byte] ?? 0) & ~(1 << (slot & 7));
    this.#size -= 1;
  }

  has(slot: number): boolean {
    return ((this.#bits[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }
}
