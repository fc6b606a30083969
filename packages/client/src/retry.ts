import { ApiError, UnexpectedResponse } from './errors.ts';
import { TransportError } from './transport.ts';

/** Connections that fail this way carried no request: another try can do no harm. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Failures of a connection that time does not repair: certificates, and a port that does not speak HTTP or TLS. */
const NEVER_PASSES =
  /^(HPE_|ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|UNABLE_TO_(GET|VERIFY)_|HOSTNAME_MISMATCH$|INVALID_CA$)/;

/** Refusals that say of themselves that they will pass. */
const PASSING = new Set(['operation_blocked_temporary', 'name_temporarily_reserved']);

/** Whether trying again may help and does no harm; `repeatable` says whether the call can be made twice. */
export function canRetry(error: unknown, repeatable: boolean): boolean {
  if (error instanceof TransportError) {
    const code = error.code ?? '';
    return !NEVER_PASSES.test(code) && (repeatable || NEVER_SENT.has(code));
  }
  if (!(error instanceof ApiError)) return false;
  if (error.status === 429 || error.status === 503) return true;
  return repeatable && (error.status === 408 || (error.status >= 500 && error.status !== 507));
}

/** Whether the same call may succeed later. */
export function isRetryable(error: unknown): boolean {
  return canRetry(error, true) || (error instanceof ApiError && PASSING.has(error.code));
}

/** Whether the server may have done what was asked although the call failed. */
export function mayHaveSucceeded(error: unknown): boolean {
  if (error instanceof TransportError) return !NEVER_SENT.has(error.code ?? '');
  // 503 and 507 are refusals; a proxy's 502 or 504 says nothing about what the server did.
  if (error instanceof ApiError) return error.status >= 500 && error.status !== 503 && error.status !== 507;
  return error instanceof UnexpectedResponse;
}

/**
 * How long something is tried again: the time counts from the first failure after the last success. The one place that
 * decides when another try comes.
 */
export class RetryWindow {
  readonly #millis: number;
  #since: number | undefined;
  #outage = 0;

  /** `millis`: how long nothing may succeed. */
  constructor(millis: number) {
    this.#millis = millis;
  }

  /** The first, second, … time in which nothing succeeds. */
  get outage(): number {
    return this.#outage;
  }

  /** Something succeeded. */
  renew(): void {
    this.#since = undefined;
  }

  /**
   * How long to wait before try number `attempt` + 1, in milliseconds.
   * @throws `error` if the server wants to be left alone for longer than the time that is left, or none is left.
   */
  waitAfter(attempt: number, error: unknown): number {
    const waitMillis = Math.round(backoff(attempt, error));
    const now = performance.now();
    if (this.#since === undefined) {
      this.#since = now;
      this.#outage += 1;
    }
    if (now + waitMillis - this.#since > this.#millis) throw error;
    return waitMillis;
  }

  /** Waits for that long. Rejects with the signal's reason. */
  async wait(attempt: number, error: unknown, signal?: AbortSignal): Promise<void> {
    await sleep(this.waitAfter(attempt, error), signal);
  }
}

const FIRST_WAIT = 400;
const LONGEST_WAIT = 20_000;

/**
 * How long to wait before try number `attempt` + 1, in milliseconds: twice as long each time, the half of it at random, so
 * that many clients do not come back at one moment; never before the time that the server named.
 */
export function backoff(attempt: number, error?: unknown, random: () => number = Math.random): number {
  const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
  const wait = longest * (0.5 + random() / 2);
  const asked = error instanceof ApiError ? error.retryAfterMillis : undefined;
  return asked === undefined ? wait : Math.max(asked + random() * 100, 1);
}

/** Resolves after so many milliseconds; rejects with the signal's reason as soon as that is aborted. */
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
