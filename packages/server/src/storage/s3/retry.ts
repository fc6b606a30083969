import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { backoff } from '@partway/protocol/backoff';
import type { Millis } from '@partway/protocol/ids';
import { SpooledBody, type VerifiedFile } from '../spool/spooled-body.ts';
import { isNotFound, S3Error, toS3Error } from './errors.ts';

/**
 * The maximum time to upload a spooled body to S3, and so the maximum that `writePart` takes after the last byte of its
 * body. Clients wait 60 seconds for a response, and part reservations have to last longer than this.
 */
const PART_TIMEOUT: Millis = 45_000;

/** The timeouts of calls. */
export interface S3Limits {
  /** For calls that S3 answers at once. */
  call: RetryLimits<never>;
  /** For calls with a body. The idle timeout restarts whenever bytes have been sent. */
  body: RetryLimits<never>;
  /** For completing an upload: a store needs time to join 10,000 parts, and some send nothing meanwhile. */
  complete: RetryLimits<never>;
}

export const S3_LIMITS: S3Limits = {
  call: { timeout: 30_000, idleTimeout: 10_000 },
  body: { timeout: PART_TIMEOUT, idleTimeout: 12_000 },
  complete: { timeout: 150_000, idleTimeout: 50_000 },
};

/** A bucket, with the client and the timeouts for it. */
export interface Bucket {
  client: S3Client;
  name: string;
  limits: S3Limits;
}

/** Returns the parameters that identify an object in commands. */
export function objectParams({ name }: Bucket, key: string): { Bucket: string; Key: string } {
  return { Bucket: name, Key: key };
}

/** Makes a call, and retries it until there is a response or the time is over. */
export function call<T>(
  operation: string,
  limits: RetryLimits<T>,
  send: (options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  return retry(operation, limits, ({ signal }) => send({ abortSignal: signal }));
}

/** The parameters of a command for a spooled body and its checksum. */
interface BodyInput {
  Body: SpooledBody;
  ContentLength: number;
  ChecksumCRC32?: string;
}

/** Makes a call that sends a spooled file. Each attempt sends the file from its start. */
export function callWithBody<T>(
  operation: string,
  limits: RetryLimits<T>,
  { file, length, checksum }: VerifiedFile,
  send: (body: BodyInput, options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  return retry(operation, limits, async (idleTimer) => {
    const sha256 = 'sha256' in checksum ? checksum.sha256 : undefined;
    const Body = new SpooledBody(file.path, { sha256, onSent: () => idleTimer.reset() });
    const input = { Body, ContentLength: length, ...('crc32' in checksum && { ChecksumCRC32: checksum.crc32 }) };
    // A request does not notice when its body fails.
    const { promise: broken, reject } = Promise.withResolvers<never>();
    Body.once('error', reject);
    try {
      return await Promise.race([send(input, { abortSignal: idleTimer.signal }), broken]);
    } finally {
      Body.destroy();
    }
  });
}

/** Returns the result of a call, or undefined if the upload or object does not exist. */
export async function ignoreNotFound<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const PAUSES = { first: 100, max: 5_000 };

/** How long a call to S3 is tried. */
export interface RetryLimits<T> {
  /** The total time, whatever S3 does. The time that `outcome` takes is added. */
  timeout: Millis;
  /** An attempt without any progress for this long is aborted, and the next one starts. */
  idleTimeout: Millis;
  /** Called after a temporary error, to find out whether the call succeeded nevertheless. Undefined means: try again. */
  outcome?: (failure: S3Error) => Promise<T | undefined>;
}

/**
 * Calls S3 until it responds, in bounded time. After a temporary error it tries again, with a pause that doubles each time
 * and is shortened by up to half at random. Rejects with the permanent error, or with the last temporary one that is not
 * only the end of the time. `attempt` gets an idle timer: it passes on the signal, and resets the timer whenever bytes are
 * transferred.
 */
async function retry<T>(
  operation: string,
  { timeout, idleTimeout, outcome }: RetryLimits<T>,
  attempt: (idleTimer: IdleTimer) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + timeout;
  let previous: S3Error | undefined;
  for (let attempts = 1; ; attempts += 1) {
    const idleTimer = new IdleTimer({ idleTimeout, deadline });
    let failure: unknown;
    try {
      return await Promise.race([attempt(idleTimer), idleTimer.aborted]);
    } catch (error) {
      // A request that got a response before its end would keep its connection forever.
      idleTimer.abort();
      failure = toS3Error(operation, error);
    } finally {
      idleTimer.stop();
    }
    if (!(failure instanceof S3Error) || !failure.retryable) throw failure;
    const result = await outcome?.(failure);
    if (result !== undefined) return result;
    const wait = backoff(attempts, PAUSES);
    if (performance.now() + wait >= deadline) throw (idleTimer.isOutOfTime && previous) || failure;
    previous = failure;
    await sleep(wait);
  }
}

/** Aborts one attempt of a call when there is no progress for a while, or when its time is over. */
class IdleTimer {
  /** Rejects when the attempt is aborted, even if the operation ignores the abort signal. */
  readonly aborted: Promise<never>;
  /** Whether the attempt was aborted because its time was over. */
  isOutOfTime = false;
  readonly #controller = new AbortController();
  readonly #idleTimeout: NodeJS.Timeout;
  readonly #timer: NodeJS.Timeout;

  /** @param deadline On the clock of `performance.now()`. */
  constructor({ idleTimeout, deadline }: { idleTimeout: Millis; deadline: Millis }) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.aborted = promise;
    const abort = () => this.#controller.abort();
    const timedOut = Object.assign(new Error('There was no response in time.'), { name: 'TimeoutError' });
    this.#controller.signal.addEventListener('abort', () => reject(timedOut));
    this.#idleTimeout = setTimeout(abort, idleTimeout);
    this.#timer = setTimeout(
      () => {
        this.isOutOfTime = true;
        abort();
      },
      Math.max(0, deadline - performance.now()),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Reports progress. */
  reset(): void {
    this.#idleTimeout.refresh();
  }

  /** Aborts the attempt now. */
  abort(): void {
    this.#controller.abort();
  }

  stop(): void {
    clearTimeout(this.#idleTimeout);
    clearTimeout(this.#timer);
  }
}
