/** The transfer of one file. */
export interface Transfer {
  /** For people: its name or path on the server. */
  label: string;
  /** For programs: its path as the user gave it. Default: the label. */
  path?: string | undefined;
  totalBytes: number;
}

export interface Progress {
  doneBytes: number;
  /** Bytes per second. */
  rate: number | undefined;
  /** Milliseconds left. */
  left: number | undefined;
  /** Shown instead of rate and time left. */
  note?: string | undefined;
}

/** The result of a transfer. `fields` are for programs, messages are for people. */
export interface Outcome {
  kind: 'done' | 'present' | 'deleted' | 'failed' | 'stopped';
  message: string;
  /** The message with all details, such as the SHA-1. Default: `message`. */
  details?: string | undefined;
  fields: Record<string, unknown>;
  /** A local path that the message names already. If it is that of the transfer, the label is not printed again. */
  namedPath?: string | undefined;
}

/** A request that failed and will be repeated. */
export interface Retry {
  message: string;
  fields: Record<string, unknown>;
  /** Time until the next attempt. */
  waitMillis: number;
  /** Whether people have not been told about this outage yet. Programs receive all retries. */
  isNews: boolean;
}

/** The size of everything that a command transfers. */
export interface Total {
  files: number;
  bytes: number;
}

/** How much is printed for people: only errors; the usual; or also retries, checksums, IDs and skipped files. */
export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** Reports the progress and results of transfers. */
export interface TransferReport extends Disposable {
  begin(transfer: Transfer): RunningTransfer;
  /** Shows the progress of all files together, if possible. */
  expect(total: () => Promise<Total>): void;
  /** Reports something that does not belong to a running transfer. */
  notice(message: string, fields: Record<string, unknown>): void;
  /** Reports the overall result at the end. */
  summary(message: string, fields: Record<string, unknown>): void;
}

export interface RunningTransfer {
  progress(progress: Progress): void;
  /** Reports something of interest that is not an error. */
  event(message: string, fields: Record<string, unknown>): void;
  /** Reports that the server did not respond, and when the next attempt starts. */
  retry(retry: Retry): void;
  end(outcome: Outcome): void;
}
