import type { Standing } from './bar.ts';
import { Meter } from './meter.ts';
import type { Outcome } from './transfer-report.ts';

/** How far all files of a command have come together. What was there already is done, and says nothing of the rate. */
export class Overall<Key> {
  readonly #meter = new Meter(Number.POSITIVE_INFINITY);
  readonly #running = new Map<Key, number>();
  #over = 0;
  /** Of files that failed: they do not come any more. */
  #lost = 0;
  #moved = 0;
  #expected: number | undefined;

  /** All of it comes to so many bytes. */
  expect(bytes: number): void {
    this.#expected = bytes;
  }

  /** A file has come to `bytes`; `moved` where they went over the line just now. */
  at(file: Key, bytes: number, { moved }: { moved: boolean }): void {
    const before = this.#running.get(file) ?? 0;
    this.#running.set(file, bytes);
    if (moved) this.#move(bytes - before);
  }

  end(file: Key, kind: Outcome['kind'], size: number): void {
    const before = this.#running.get(file) ?? 0;
    this.#running.delete(file);
    if (kind === 'done') this.#move(size - before);
    if (kind === 'done' || kind === 'present') this.#over += size;
    else this.#lost += size;
  }

  /** Undefined until it is known what all of it comes to. */
  standing(): Standing | undefined {
    if (this.#expected === undefined) return undefined;
    const totalBytes = this.#expected - this.#lost;
    const doneBytes = [...this.#running.values()].reduce((sum, bytes) => sum + bytes, this.#over);
    const { rate } = this.#meter.read();
    const left = rate === undefined || rate <= 0 ? undefined : (Math.max(totalBytes - doneBytes, 0) * 1000) / rate;
    return { label: 'total', doneBytes, totalBytes, rate, left };
  }

  #move(bytes: number): void {
    this.#moved += Math.max(bytes, 0);
    this.#meter.mark(this.#moved);
  }
}
