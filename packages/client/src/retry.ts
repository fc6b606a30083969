import { backoff } from '@partway/protocol/backoff';
import { ApiError, UnexpectedResponse } from './errors.ts';
import { TransportError } from './transport.ts';

/** Tolerance for the server's dates, which are whole seconds, when the result of a lost response is looked for. */
export const DATE_ROUNDING_MILLIS = 2_000;

/** Connection errors before any request was sent: every call can be repeated. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Connection errors that do not go away with time: certificates, and a port that does not speak HTTP or TLS. */
const PERMANENT =
  /^(HPE_|ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|UNABLE_TO_(GET|VERIFY)_|HOSTNAME_MISMATCH$|INVALID_CA$)/;

/** Error codes that are temporary by definition. */
const TEMPORARY = new Set(['operation_blocked_temporary', 'name_temporarily_reserved']);

/** Whether a retry may help and does no harm. `repeatable`: whether the call can be made twice. */
export function canRetry(error: unknown, repeatable: boolean): boolean {
  if (error instanceof TransportError) {
    const code = error.code ?? '';
    return !PERMANENT.test(code) && (repeatable || NEVER_SENT.has(code));
  }
  if (!(error instanceof ApiError)) return false;
  if (error.status === 429 || error.status === 503) return true;
  return repeatable && (error.status === 408 || (error.status >= 500 && error.status !== 507));
}

/** Whether the same call may succeed later. */
export function isRetryable(error: unknown): boolean {
  return canRetry(error, true) || (error instanceof ApiError && TEMPORARY.has(error.code));
}

/** Whether the server may have done what was requested, although the call failed. */
export function mayHaveSucceeded(error: unknown): boolean {
  if (error instanceof TransportError) return !NEVER_SENT.has(error.code ?? '');
  // 503 and 507 mean that nothing was done. A proxy's 502 or 504 says nothing about what the server did.
  if (error instanceof ApiError) return error.status >= 500 && error.status !== 503 && error.status !== 507;
  return error instanceof UnexpectedResponse;
}

/**
 * Limits retries in time, and decides when the next attempt starts. The time counts from the first failure after the last
 * success.
 */
export class RetryWindow {
  readonly #millis: number;
  #since: number | undefined;
  #outage = 0;

  /** `millis`: how long to retry without any success. */
  constructor(millis: number) {
    this.#millis = millis;
  }

  /** Number of the current outage, from 1. An outage lasts until the next success. */
  get outage(): number {
    return this.#outage;
  }

  recordSuccess(): void {
    this.#since = undefined;
  }

  /**
   * Returns how long to wait before attempt number `attempt` + 1, in milliseconds.
   * @throws `error` if the wait would exceed the time that is left.
   */
  nextWait(attempt: number, error: unknown): number {
    const waitMillis = Math.round(retryDelay(attempt, error));
    const now = performance.now();
    if (this.#since === undefined) {
      this.#since = now;
      this.#outage += 1;
    }
    if (now + waitMillis - this.#since > this.#millis) throw error;
    return waitMillis;
  }

  /** Waits before attempt number `attempt` + 1. @throws `error` as `nextWait` does; the signal's reason. */
  async wait(attempt: number, error: unknown, signal?: AbortSignal): Promise<void> {
    await sleep(this.nextWait(attempt, error), signal);
  }
}

const WAITS = { first: 400, max: 20_000 };

/**
 * Returns how long to wait before attempt number `attempt` + 1, in milliseconds. The wait doubles each time, and half of it
 * is random. A `Retry-After` of the server is respected instead.
 */
export function retryDelay(attempt: number, error?: unknown, random: () => number = Math.random): number {
  const requested = error instanceof ApiError ? error.retryAfterMillis : undefined;
  return requested === undefined ? backoff(attempt, WAITS, random) : Math.max(requested + random() * 100, 1);
}

/** Resolves after this many milliseconds. Rejects with the signal's reason as soon as it is aborted. */
export function sleep(millis: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, millis);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
