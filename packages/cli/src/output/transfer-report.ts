/** The transfer of one file. */
export interface Transfer {
  /** Its path, for people. */
  label: string;
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

/** The result of a transfer. `fields` are for programs, `message` is for people. */
export interface Outcome {
  kind: 'done' | 'present' | 'failed' | 'stopped';
  message: string;
  fields: Record<string, unknown>;
}

/** Reports the progress and results of transfers. */
export interface TransferReport extends Disposable {
  begin(transfer: Transfer): RunningTransfer;
  /** Shows the progress of all files together, if possible. `total` computes their total size in bytes. */
  expect(total: () => Promise<number>): void;
  /** Reports something that does not belong to a running transfer. */
  notice(message: string, fields: Record<string, unknown>): void;
  /** Reports the overall result at the end. */
  summary(message: string, fields: Record<string, unknown>): void;
}

export interface RunningTransfer {
  progress(progress: Progress): void;
  /** Reports something of interest that is not an error. */
  event(message: string, fields: Record<string, unknown>): void;
  /** The same for something that was already reported to people. Programs still receive it. */
  repeatedEvent(message: string, fields: Record<string, unknown>): void;
  end(outcome: Outcome): void;
}
