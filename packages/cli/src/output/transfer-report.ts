/** A file on its way, or about to be. */
export interface Transfer {
  /** What it is called where people see it: its path. */
  label: string;
  totalBytes: number;
}

/** How far a file has come. */
export interface Progress {
  doneBytes: number;
  /** Bytes a second. */
  rate: number | undefined;
  /** Milliseconds. */
  left: number | undefined;
  /** Said in place of rate and time left. */
  note?: string | undefined;
}

/** How a file ended. `fields` are for programs, `message` is for people. */
export interface Outcome {
  kind: 'done' | 'present' | 'failed' | 'stopped';
  message: string;
  fields: Record<string, unknown>;
}

/** Tells how files get on. */
export interface TransferReport extends Disposable {
  begin(transfer: Transfer): RunningTransfer;
  /** Shows how far all files have come together, where that can be shown; `total` finds out what they come to, in bytes. */
  expect(total: () => Promise<number>): void;
  /** A sentence that concerns no file under way. */
  notice(message: string, fields: Record<string, unknown>): void;
  /** A sentence about all of it, at the end. */
  summary(message: string, fields: Record<string, unknown>): void;
}

export interface RunningTransfer {
  progress(progress: Progress): void;
  /** Something happened that people may want to know, and that is no error. */
  event(message: string, fields: Record<string, unknown>): void;
  /** The same of something that people have been told already; programs may count it. */
  repeated(message: string, fields: Record<string, unknown>): void;
  end(outcome: Outcome): void;
}
