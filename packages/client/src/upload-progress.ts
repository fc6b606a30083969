/** What is with a part: `stored` means by an earlier run, `failed` that it is about to be tried again. */
export type PartState = 'queued' | 'sending' | 'sent' | 'failed' | 'stored';

export interface PartProgress {
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  state: PartState;
  /** Bytes that have gone out of the present try. */
  sent: number;
  /** How often it was begun to be sent. */
  tries: number;
}

export interface UploadProgress {
  /** `hashing`: reading what is stored already; `committing`: all is sent, and the server makes the file. */
  phase: 'starting' | 'hashing' | 'sending' | 'committing' | 'done';
  bytesTotal: number;
  /** Bytes of parts that the server has, those of earlier runs among them. */
  bytesStored: number;
  /** `bytesStored` and what has gone out of the parts under way. */
  bytesDone: number;
  /** Over the last few seconds; undefined until there is one. */
  bytesPerSecond: number | undefined;
  secondsLeft: number | undefined;
  /** How many requests are allowed at a time now. */
  parallel: number;
  /** By offset. The list lives on: it shows the present state whenever it is read. Empty where a file goes in one piece. */
  parts: readonly PartProgress[];
}
