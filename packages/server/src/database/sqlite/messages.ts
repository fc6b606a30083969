export type SqliteValue = string | number | bigint | null | Uint8Array;

export interface SqliteStatement {
  sql: string;
  parameters: readonly SqliteValue[];
}

export interface SqliteAnswer {
  rows: Record<string, unknown>[];
  /** Rows changed, or rows returned by a statement that returns some. */
  changes: number;
}

export interface SqliteFailure {
  message: string;
  errcode: number | undefined;
}

export type SqliteOutcome = SqliteAnswer | { failure: SqliteFailure };

/** Several statements are one transaction; each of them has its own outcome, unless the transaction itself fails. */
export type SqliteRequest =
  | { id: number; kind: 'run'; statements: readonly SqliteStatement[] }
  | { id: number; kind: 'close' };

export type SqliteReply = { kind: 'opened' } | { kind: 'done'; id: number; outcomes: SqliteOutcome[] };

export interface SqliteWorkerData {
  path: string;
  readOnly: boolean;
}
