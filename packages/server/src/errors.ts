/** What an error may carry besides its code and its message. */
export interface ErrorDetail {
  /** Facts for the client, as `context_info` of the response. */
  context?: Record<string, unknown>;
  /** When to try again, in seconds. */
  retryAfterSeconds?: number;
  /** The reason, for the log only. */
  cause?: unknown;
}

/**
 * An error that the caller is told about: its message says what happened and what to do. Every other error is a fault of
 * the server. The HTTP layer maps each code to a status and one of Box's codes (http/errors.ts).
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

  /** False if the server failed, so that it is unknown whether the operation took effect. */
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

/** A rule of uploads, files, users or tokens that a request breaks. */
export class DomainError extends KnownError<DomainErrorCode> {
  get isRejection(): boolean {
    return this.code !== 'unavailable';
  }
}
