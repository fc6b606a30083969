import { printJson } from './json.ts';
import { formatBytes, formatDuration } from './quantities.ts';
import { isTerminal } from './terminal.ts';
import { escapeControl } from './text.ts';
import type { Outcome, Progress, TransferReport } from './transfer-report.ts';

/** Minimum interval between progress lines, which may go to a log. */
const LINES_INTERVAL_MILLIS = 10_000;

/** Prints plain lines, for a pipe or a log: results to stdout, errors to stderr. */
function linesReport(): TransferReport {
  return {
    begin({ label, totalBytes }) {
      let reportedAt = performance.now();
      return {
        progress({ doneBytes, rate, left }: Progress) {
          if (performance.now() - reportedAt < LINES_INTERVAL_MILLIS) return;
          reportedAt = performance.now();
          const share = totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100);
          const pace = rate === undefined ? '' : `, ${formatBytes(rate)}/s`;
          const time = left === undefined ? '' : `, ${formatDuration(left)} left`;
          console.log(`${escapeControl(label)}: ${share}% of ${formatBytes(totalBytes)}${pace}${time}`);
        },
        event: (message) => console.log(`${escapeControl(label)}: ${escapeControl(message)}`),
        repeatedEvent() {},
        end: (outcome) => printOutcome(label, outcome),
      };
    },
    // Programs and logs get only the progress of each file.
    expect() {},
    notice: (message) => console.error(message),
    summary: (message) => console.log(message),
    [Symbol.dispose]() {},
  };
}

function printOutcome(label: string, { kind, message }: Outcome): void {
  const line = `${escapeControl(label)}: ${message}`;
  if (kind === 'failed') console.error(line);
  else console.log(line);
}

/** Minimum interval between progress events. */
const JSON_INTERVAL_MILLIS = 1000;

/** Prints each event as one JSON object per line. */
function jsonReport(): TransferReport {
  return {
    begin({ label: path, totalBytes }) {
      let reportedAt = performance.now();
      const event = (message: string, fields: object) => printJson({ ...fields, path, message });
      printJson({ event: 'start', path, bytes_total: totalBytes });
      return {
        progress({ doneBytes, rate, left }: Progress) {
          if (performance.now() - reportedAt < JSON_INTERVAL_MILLIS) return;
          reportedAt = performance.now();
          printJson({
            event: 'progress',
            path,
            bytes_done: doneBytes,
            bytes_total: totalBytes,
            ...(rate !== undefined && { bytes_per_second: Math.round(rate) }),
            ...(left !== undefined && { seconds_left: Math.ceil(left / 1000) }),
          });
        },
        event,
        repeatedEvent: event,
        end: ({ kind, message, fields }) => printJson({ event: kind, path, ...fields, message }),
      };
    },
    // Programs and logs get only the progress of each file.
    expect() {},
    notice: (message, fields) => printJson({ event: 'notice', ...fields, message }),
    summary: (message, fields) => printJson({ event: 'summary', ...fields, message }),
    [Symbol.dispose]() {},
  };
}

/** Opens a report: JSON lines with `json`, progress bars on a terminal, and plain lines otherwise. */
export async function openReport({ json }: { json: boolean }): Promise<TransferReport> {
  if (json) return jsonReport();
  if (!isTerminal(process.stdout)) return linesReport();
  const { liveReport } = await import('./live-report.ts');
  return liveReport(process.stdout);
}
