import { styleText } from 'node:util';
import { type BarState, barLine } from './bar.ts';
import { liveLines } from './live-lines.ts';
import { Meter } from './meter.ts';
import { escapeControl } from './text.ts';
import type { Outcome, Progress, Transfer, TransferReport } from './transfer-report.ts';

/** Shows a bar for each transfer and one for the total at the bottom of a terminal. Finished files stay as lines above. */
export function liveReport(stream: NodeJS.WriteStream): TransferReport {
  const running = new Map<Transfer, Progress>();
  const totalProgress = new TotalProgress<Transfer>();
  const live = liveLines(stream, (columns) => {
    const bars = [...running].map(([{ label, totalBytes }, progress]) =>
      barLine({ label: escapeControl(label), totalBytes, ...progress }, columns),
    );
    const all = totalProgress.state();
    return all === undefined ? bars : [...bars, barLine(all, columns)];
  });
  return {
    begin(transfer) {
      running.set(transfer, { doneBytes: 0, rate: undefined, left: undefined });
      return {
        progress(progress) {
          running.set(transfer, progress);
          // With a note, the bytes are not being transferred.
          totalProgress.update(transfer, progress.doneBytes, { isTransfer: progress.note === undefined });
        },
        event(message, { event, bytes }) {
          if (event === 'resumed') totalProgress.update(transfer, Number(bytes), { isTransfer: false });
          live.print(`${escapeControl(transfer.label)}: ${escapeControl(message)}`);
        },
        repeatedEvent() {},
        end(outcome) {
          running.delete(transfer);
          totalProgress.end(transfer, outcome.kind, transfer.totalBytes);
          live.print(renderOutcome(transfer, outcome));
        },
      };
    },
    expect(total) {
      // If it fails, there is no total. The files report their errors themselves.
      void total().then(
        (bytes) => totalProgress.setTotal(bytes),
        () => {},
      );
    },
    notice: (message) => live.print(message),
    summary: (message) => live.print(message),
    [Symbol.dispose]: () => live[Symbol.dispose](),
  };
}

const MARKS = {
  done: ['green', '✔'],
  present: ['green', '='],
  failed: ['red', '✘'],
  stopped: ['yellow', '⏸'],
} as const;

function renderOutcome({ label }: Transfer, { kind, message }: Outcome): string {
  const [color, mark] = MARKS[kind];
  return `${styleText(color, mark)} ${escapeControl(label)}: ${message}`;
}

/** The progress of all files of a command. Identical files count as done, but not toward the rate. */
export class TotalProgress<Key> {
  readonly #meter = new Meter(Number.POSITIVE_INFINITY);
  readonly #running = new Map<Key, number>();
  #finishedBytes = 0;
  /** Bytes of failed files, which are subtracted from the total. */
  #failedBytes = 0;
  #transferredBytes = 0;
  #totalBytes: number | undefined;

  setTotal(bytes: number): void {
    this.#totalBytes = bytes;
  }

  /** Records the progress of a file. `isTransfer`: whether the bytes have just been transferred. */
  update(file: Key, bytes: number, { isTransfer }: { isTransfer: boolean }): void {
    const previous = this.#running.get(file) ?? 0;
    this.#running.set(file, bytes);
    if (isTransfer) this.#addTransferred(bytes - previous);
  }

  end(file: Key, kind: Outcome['kind'], size: number): void {
    const previous = this.#running.get(file) ?? 0;
    this.#running.delete(file);
    if (kind === 'done') this.#addTransferred(size - previous);
    if (kind === 'done' || kind === 'present') this.#finishedBytes += size;
    else this.#failedBytes += size;
  }

  /** Undefined until the total is known. */
  state(): BarState | undefined {
    if (this.#totalBytes === undefined) return undefined;
    const totalBytes = this.#totalBytes - this.#failedBytes;
    const doneBytes = [...this.#running.values()].reduce((sum, bytes) => sum + bytes, this.#finishedBytes);
    const { rate } = this.#meter.read();
    const left = rate === undefined || rate <= 0 ? undefined : (Math.max(totalBytes - doneBytes, 0) * 1000) / rate;
    return { label: 'total', doneBytes, totalBytes, rate, left };
  }

  #addTransferred(bytes: number): void {
    this.#transferredBytes += Math.max(bytes, 0);
    this.#meter.sample(this.#transferredBytes);
  }
}
