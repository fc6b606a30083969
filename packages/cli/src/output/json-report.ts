import { printJson } from './json.ts';
import type { Progress, TransferReport } from './transfer-report.ts';

/** How often progress is told, at most, in milliseconds. */
const PACE_MILLIS = 1000;

/** Every event as one JSON object on a line of its own. */
export function jsonReport(): TransferReport {
  return {
    begin({ label: path, totalBytes }) {
      let told = performance.now();
      const event = (message: string, fields: object) => printJson({ ...fields, path, message });
      printJson({ event: 'start', path, bytes_total: totalBytes });
      return {
        progress({ doneBytes, rate, left }: Progress) {
          if (performance.now() - told < PACE_MILLIS) return;
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
        again: event,
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
