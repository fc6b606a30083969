import { styleText } from 'node:util';
import { barLine } from '../term/bar.ts';
import { liveLines } from '../term/live-lines.ts';
import { shownText } from '../term/shown-text.ts';
import type { Outcome, Progress, Transfer, TransferReport } from './report.ts';

/** A bar for each file on its way, at the bottom of a terminal; what is over stays above them as a line. */
export function liveReport(stream: NodeJS.WriteStream): TransferReport {
  const running = new Map<Transfer, Progress>();
  const live = liveLines(stream, (columns) =>
    [...running].map(([{ label, totalBytes }, progress]) =>
      barLine({ label: shownText(label), totalBytes, ...progress }, columns),
    ),
  );
  return {
    begin(transfer) {
      running.set(transfer, { doneBytes: 0, rate: undefined, left: undefined });
      return {
        progress: (progress) => running.set(transfer, progress),
        event: (message) => live.keep(`${shownText(transfer.label)}: ${shownText(message)}`),
        end(outcome) {
          running.delete(transfer);
          live.keep(lineOf(transfer, outcome));
        },
      };
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
  return `${styleText(colour, mark)} ${shownText(label)}: ${message}`;
}
