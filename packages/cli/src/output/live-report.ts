import { styleText } from 'node:util';
import { barLine } from './bar.ts';
import { Overall } from './overall.ts';
import { liveLines } from './terminal.ts';
import { shownText } from './text.ts';
import type { Outcome, Progress, Transfer, TransferReport } from './transfer-report.ts';

/** A bar for each file on its way, and one for all of them, at the bottom of a terminal; what is over stays above them as a line. */
export function liveReport(stream: NodeJS.WriteStream): TransferReport {
  const running = new Map<Transfer, Progress>();
  const overall = new Overall<Transfer>();
  const live = liveLines(stream, (columns) => {
    const bars = [...running].map(([{ label, totalBytes }, progress]) =>
      barLine({ label: shownText(label), totalBytes, ...progress }, columns),
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
          live.keep(`${shownText(transfer.label)}: ${shownText(message)}`);
        },
        again() {},
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
  return `${styleText(colour, mark)} ${shownText(label)}: ${message}`;
}
