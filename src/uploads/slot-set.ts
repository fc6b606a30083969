/** Which slots of a session are stored: one bit each, so that ten thousand sessions of ten thousand parts are 12 MB. */
export class SlotSet {
  readonly #bits: Uint8Array;

  constructor(slots: number) {
    this.#bits = new Uint8Array(Math.ceil(slots / 8));
  }

  add(slot: number): void {
    const byte = slot >> 3;
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (slot & 7));
  }

  has(slot: number): boolean {
    return ((this.#bits[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }
}
