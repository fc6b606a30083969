import { styleText } from 'node:util';
import { barLine, type Standing } from './bar.ts';
import { liveLines } from './live-lines.ts';
import { Meter } from './meter.ts';
import { escapeControl } from './text.ts';
import type { Outcome, Progress, Transfer, TransferReport } from './transfer-report.ts';

/** A bar for each file on its way, and one for all of them, at the bottom of a terminal; what is over stays above them as a line. */
export function liveReport(stream: NodeJS.WriteStream): TransferReport {
  const running = new Map<Transfer, Progress>();
  const overall = new Overall<Transfer>();
  const live = liveLines(stream, (columns) => {
    const bars = [...running].map(([{ label, totalBytes }, progress]) =>
      barLine({ label: escapeControl(label), totalBytes, ...progress }, columns),
    );
    const all = overall.standing();
    return all === undefined ? bars : [...bars, barLine(all, columns)];
  });
  return {
    begin(transfer) {
      running.set(transfer, { doneBytes: 0, rate: undefined, left: undefined });
      return {
        progress(progress) {
          running.set(transfer, progress);
          // A note is of something else than bytes on the line.
          overall.at(transfer, progress.doneBytes, { moved: progress.note === undefined });
        },
        event(message, { event, bytes }) {
          if (event === 'resumed') overall.at(transfer, Number(bytes), { moved: false });
          live.keep(`${escapeControl(transfer.label)}: ${escapeControl(message)}`);
        },
        repeated() {},
        end(outcome) {
          running.delete(transfer);
          overall.end(transfer, outcome.kind, transfer.totalBytes);
          live.keep(lineOf(transfer, outcome));
        },
      };
    },
    expect(total) {
      // Where that cannot be found out there is no such line; the files themselves say what is wrong.
      void total().then(
        (bytes) => overall.expect(bytes),
        () => {},
      );
    },
    notice: (message) => live.keep(message),
    summary: (message) => live.keep(message),
    [Symbol.dispose]: () => live[Symbol.dispose](),
  };
}

const MARKS = {
  done: ['green', '✔'],
  present: ['green', '='],
  failed: ['red', '✘'],
  stopped: ['yellow', '⏸'],
} as const;

function lineOf({ label }: Transfer, { kind, message }: Outcome): string {
  const [colour, mark] = MARKS[kind];
  return `${styleText(colour, mark)} ${escapeControl(label)}: ${message}`;
}

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
    this.#meter.sample(this.#moved);
  }
}
