export type SqliteValue = string | number | bigint | null | Uint8Array;

export interface SqliteStatement {
  sql: string;
  parameters: readonly SqliteValue[];
}

export interface SqliteResult {
  rows: Record<string, unknown>[];
  /** The number of rows changed, or returned if the statement returns rows. */
  changes: number;
}

/** A statement that waits for a thread. */
export interface PendingStatement {
  statement: SqliteStatement;
  resolve: (result: SqliteResult) => void;
  reject: (error: unknown) => void;
}

export interface SqliteFailure {
  message: string;
  errcode: number | undefined;
}

export type SqliteOutcome = SqliteResult | { failure: SqliteFailure };

/** Several statements share a transaction. Each has its own outcome, unless the transaction itself fails. */
export type SqliteRequest =
  | { kind: 'run'; statements: readonly SqliteStatement[] }
  /** Resolves once the file is open. */
  | { kind: 'open' }
  | { kind: 'close' };

export interface SqliteWorkerData {
  path: string;
  readOnly: boolean;
}
