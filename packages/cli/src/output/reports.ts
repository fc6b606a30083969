import { printJson } from './json.ts';
import { formatBytes, formatDuration } from './quantities.ts';
import { isTerminal } from './terminal.ts';
import { escapeControl } from './text.ts';
import type { Outcome, Progress, TransferReport } from './transfer-report.ts';

/** How often progress is told, at most, in milliseconds: this goes into logs. */
const LINES_PACE_MILLIS = 10_000;

/** Plain lines, for a pipe or a log: results to stdout, troubles to stderr. */
function linesReport(): TransferReport {
  return {
    begin({ label, totalBytes }) {
      let told = performance.now();
      return {
        progress({ doneBytes, rate, left }: Progress) {
          if (performance.now() - told < LINES_PACE_MILLIS) return;
          told = performance.now();
          const share = totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100);
          const pace = rate === undefined ? '' : `, ${formatBytes(rate)}/s`;
          const time = left === undefined ? '' : `, ${formatDuration(left)} left`;
          console.log(`${escapeControl(label)}: ${share}% of ${formatBytes(totalBytes)}${pace}${time}`);
        },
        event: (message) => console.log(`${escapeControl(label)}: ${escapeControl(message)}`),
        repeated() {},
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
  const line = `${escapeControl(label)}: ${message}`;
  if (kind === 'failed') console.error(line);
  else console.log(line);
}

/** How often progress is told, at most, in milliseconds. */
const JSON_PACE_MILLIS = 1000;

/** Every event as one JSON object on a line of its own. */
function jsonReport(): TransferReport {
  return {
    begin({ label: path, totalBytes }) {
      let told = performance.now();
      const event = (message: string, fields: object) => printJson({ ...fields, path, message });
      printJson({ event: 'start', path, bytes_total: totalBytes });
      return {
        progress({ doneBytes, rate, left }: Progress) {
          if (performance.now() - told < JSON_PACE_MILLIS) return;
          told = performance.now();
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
        repeated: event,
        end: ({ kind, message, fields }) => printJson({ event: kind, path, ...fields, message }),
      };
    },
    // What is done of each file is what programs and logs are told.
    expect() {},
    notice: (message, fields) => printJson({ event: 'notice', ...fields, message }),
    summary: (message, fields) => printJson({ event: 'summary', ...fields, message }),
    [Symbol.dispose]() {},
  };
}

/** One object a line with `json`; on a terminal a bar a file; in a pipe plain lines. */
export async function openReport({ json }: { json: boolean }): Promise<TransferReport> {
  if (json) return jsonReport();
  if (!isTerminal(process.stdout)) return linesReport();
  const { liveReport } = await import('./live-report.ts');
  return liveReport(process.stdout);
}
