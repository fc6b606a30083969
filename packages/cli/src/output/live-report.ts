import { styleText } from 'node:util';
import { barLines } from './bar.ts';
import { fitLine, wrapText } from './lines.ts';
import { liveLines } from './live-lines.ts';
import { isLabelNamed, type ReportOptions, renderMessage } from './report-options.ts';
import { escapeControl } from './text.ts';
import { TotalProgress, TransferProgress } from './transfer-progress.ts';
import type { Outcome, RunningTransfer, Transfer, TransferReport } from './transfer-report.ts';

/** Shows a bar for each transfer and one for the total at the bottom of a terminal. Finished files stay as lines above. */
export function liveReport(stream: NodeJS.WriteStream, options: ReportOptions): TransferReport {
  const isVerbose = options.verbosity === 'verbose';
  const running = new Set<TransferProgress>();
  const total = new TotalProgress<TransferProgress>();
  const live = liveLines(stream, (columns) => {
    const bars = [...running].map((progress) => progress.state());
    const all = total.state([...running].map(({ outage }) => outage));
    return barLines(all === undefined ? bars : [...bars, all], columns);
  });
  // Errors and notices are read in full, so they are wrapped instead of cut.
  const printText = (text: string) => live.print(isVerbose ? text : wrapText(text, stream.columns));

  function begin(transfer: Transfer): RunningTransfer {
    const label = escapeControl(transfer.label);
    const progress = new TransferProgress({ ...transfer, label });
    running.add(progress);
    total.begin();
    const printEvent = (message: string) => printText(`${label}: ${escapeControl(message)}`);
    return {
      progress(update) {
        if (progress.update(update)) total.resetRate();
        total.update(progress, update.doneBytes, { isTransfer: update.note === undefined });
      },
      event(message, { event, bytes }) {
        if (event === 'resumed') {
          progress.resume(Number(bytes));
          total.update(progress, Number(bytes), { isTransfer: false });
        }
        printEvent(message);
      },
      retry({ message, waitMillis, isNews }) {
        progress.outage.retry(waitMillis);
        if (isNews || isVerbose) printEvent(message);
      },
      end(outcome) {
        running.delete(progress);
        total.end(progress, outcome.kind, transfer.totalBytes);
        const { kind } = outcome;
        if (kind === 'present' && !options.showsPresent) return;
        if (kind === 'failed') return printText(renderFailure(transfer, outcome));
        const [color, mark] = MARKS[kind];
        const message = `  ${renderMessage(outcome, isVerbose)}`;
        const line = isVerbose ? label + message : fitLine(label, message, stream.columns - 2);
        live.print(`${styleText(color, mark)} ${line}`);
      },
    };
  }

  return {
    begin,
    expect(count) {
      // If it fails, there is no total. The files report their errors themselves.
      void count().then(
        (counted) => total.setTotal(counted),
        () => {},
      );
    },
    notice: printText,
    summary: printText,
    [Symbol.dispose]: () => live[Symbol.dispose](),
  };
}

const MARKS = {
  done: ['green', '✔'],
  present: ['green', '='],
  deleted: ['yellow', '-'],
  stopped: ['yellow', '⏸'],
} as const;

function renderFailure(transfer: Transfer, outcome: Outcome): string {
  const label = isLabelNamed(transfer, outcome) ? '' : `${escapeControl(transfer.label)}: `;
  return `${styleText('red', '✘')} ${label}${outcome.message}`;
}
