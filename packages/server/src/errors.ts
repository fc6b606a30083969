/** Optional details of a `KnownError`. */
export interface ErrorDetail {
  /** Facts for the client: the `context_info` of the response. */
  context?: Record<string, unknown>;
  /** How long the client should wait before it tries again. */
  retryAfterSeconds?: number;
  /** The underlying error, for the log only. */
  cause?: unknown;
}

/**
 * An error that clients see: its message says what happened and what to do. All other errors are faults of the server. The
 * HTTP layer maps each code to a status and to one of Box's codes (http/api-error.ts).
 */
export abstract class KnownError<Code extends string> extends Error {
  readonly code: Code;
  readonly context: Record<string, unknown> | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: Code, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = new.target.name;
    this.code = code;
    this.context = detail.context;
    this.retryAfterSeconds = detail.retryAfterSeconds;
  }

  /** True if the operation was rejected without any effect. False if the server failed and the effect is unknown. */
  abstract get isRejection(): boolean;
}

export type DomainErrorCode =
  | 'announced-digest-mismatch'
  | 'blocked'
  | 'cyclical-move'
  | 'digest-mismatch'
  | 'file-too-large'
  | 'file-too-small'
  | 'folder-not-empty'
  | 'forbidden'
  | 'insufficient-scope'
  | 'invalid-range'
  | 'invalid-request'
  | 'invalid-token'
  | 'item-locked'
  | 'limit-exceeded'
  | 'login-in-use'
  | 'name-in-use'
  | 'name-invalid'
  | 'name-too-long'
  | 'not-found'
  | 'not-trashed'
  | 'parent-not-found'
  | 'part-exists'
  | 'parts-mismatch'
  | 'permission-denied'
  | 'precondition-failed'
  | 'quota-exceeded'
  | 'session-expired'
  | 'session-not-found'
  | 'trashed'
  | 'unavailable';

/** A request breaks a rule of uploads, files, users or tokens. */
export class DomainError extends KnownError<DomainErrorCode> {
  get isRejection(): boolean {
    return this.code !== 'unavailable';
  }
}
