import { bytesText, clockText } from './quantities.ts';
import { shownText } from './text.ts';
import type { Outcome, Progress, TransferReport } from './transfer-report.ts';

/** How often progress is told, at most, in milliseconds: this goes into logs. */
const PACE_MILLIS = 10_000;

/** Plain lines, for a pipe or a log: results to stdout, troubles to stderr. */
export function linesReport(): TransferReport {
  return {
    begin({ label, totalBytes }) {
      let told = performance.now();
      return {
        progress({ doneBytes, rate, left }: Progress) {
          if (performance.now() - told < PACE_MILLIS) return;
          told = performance.now();
          const share = totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100);
          const pace = rate === undefined ? '' : `, ${bytesText(rate)}/s`;
          const time = left === undefined ? '' : `, ${clockText(left)} left`;
          console.log(`${shownText(label)}: ${share}% of ${bytesText(totalBytes)}${pace}${time}`);
        },
        event: (message) => console.log(`${shownText(label)}: ${shownText(message)}`),
        again() {},
        end: (outcome) => printOutcome(label, outcome),
      };
    },
    // What is done of each file is what programs and logs are told.
    expect() {},
    notice: (message) => console.error(message),
    summary: (message) => console.log(message),
    [Symbol.dispose]() {},
  };
}

function printOutcome(label: string, { kind, message }: Outcome): void {
  const line = `${shownText(label)}: ${message}`;
  if (kind === 'failed') console.error(line);
  else console.log(line);
}
