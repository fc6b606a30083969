import { printJson } from './json.ts';
import { formatBytes, formatDuration } from './quantities.ts';
import { isLabelNamed, type ReportOptions, renderMessage } from './report-options.ts';
import { canRedraw } from './terminal.ts';
import { escapeControl } from './text.ts';
import type { Outcome, Progress, Transfer, TransferReport } from './transfer-report.ts';

/** Minimum interval between progress lines, which may go to a log. */
const LINES_INTERVAL_MILLIS = 10_000;

/** Prints plain lines, for a pipe or a log: results to stdout, errors to stderr. */
function linesReport({ verbosity, showsPresent }: ReportOptions): TransferReport {
  const isVerbose = verbosity === 'verbose';
  return {
    begin(transfer) {
      const label = escapeControl(transfer.label);
      let reportedAt = performance.now();
      const event = (message: string) => console.log(`${label}: ${escapeControl(message)}`);
      return {
        progress(progress) {
          if (performance.now() - reportedAt < LINES_INTERVAL_MILLIS) return;
          reportedAt = performance.now();
          console.log(`${label}: ${renderProgress(transfer, progress)}`);
        },
        event,
        retry({ message, isNews }) {
          if (isNews || isVerbose) event(message);
        },
        end(outcome) {
          if (outcome.kind === 'failed') printFailure(transfer, outcome);
          else if (outcome.kind !== 'present' || showsPresent)
            console.log(`${label}: ${renderMessage(outcome, isVerbose)}`);
        },
      };
    },
    // Programs and logs get only the progress of each file.
    expect() {},
    notice: (message) => console.error(message),
    summary: (message) => console.log(message),
    [Symbol.dispose]() {},
  };
}

function renderProgress({ totalBytes }: Transfer, { doneBytes, rate, left }: Progress): string {
  const share = totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100);
  const pace = rate === undefined ? '' : `, ${formatBytes(rate)}/s`;
  const time = left === undefined ? '' : `, ${formatDuration(left)} left`;
  return `${share}% of ${formatBytes(totalBytes)}${pace}${time}`;
}

function printFailure(transfer: Transfer, outcome: Outcome): void {
  const label = isLabelNamed(transfer, outcome) ? '' : `${escapeControl(transfer.label)}: `;
  console.error(label + outcome.message);
}

/** Prints only errors. */
function quietReport(): TransferReport {
  return {
    begin: (transfer) => ({
      progress() {},
      event() {},
      retry() {},
      end(outcome) {
        if (outcome.kind === 'failed') printFailure(transfer, outcome);
      },
    }),
    expect() {},
    notice() {},
    summary() {},
    [Symbol.dispose]() {},
  };
}

/** Minimum interval between progress events. */
const JSON_INTERVAL_MILLIS = 1000;

/** Prints each event as one JSON object per line. */
function jsonReport(): TransferReport {
  return {
    begin({ label, path = label, totalBytes }) {
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
        retry: ({ message, fields }) => event(message, fields),
        end: ({ kind, message, details = message, fields }) =>
          printJson({ event: kind, path, ...fields, message: details }),
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
export async function openReport(options: ReportOptions): Promise<TransferReport> {
  if (options.json) return jsonReport();
  if (options.verbosity === 'quiet') return quietReport();
  if (!canRedraw(process.stdout)) return linesReport(options);
  const { liveReport } = await import('./live-report.ts');
  return liveReport(process.stdout, options);
}
