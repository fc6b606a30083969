import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Millis } from '@partway/protocol/ids';
import { SpooledBody, type VerifiedFile } from '../spool/spooled-body.ts';
import { isNotFound, S3Error, toS3Error } from './errors.ts';

/**
 * A body that lies in the spool is at S3, or refused, within this time: the most that `write` takes after the last byte
 * of its body. Clients wait 60 seconds for an answer, and a lease on a slot has to outlast it.
 */
const PART_TIMEOUT: Millis = 45_000;

/** How long calls are tried. */
export interface S3Limits {
  /** What S3 answers at once. */
  call: RetryLimits<never>;
  /** What carries a body; its idle timeout begins anew whenever a piece of it has gone out. */
  body: RetryLimits<never>;
  /** Putting 10,000 parts together takes a store its time, in which some say nothing. */
  complete: RetryLimits<never>;
}

export const S3_LIMITS: S3Limits = {
  call: { timeout: 30_000, idleTimeout: 10_000 },
  body: { timeout: PART_TIMEOUT, idleTimeout: 12_000 },
  complete: { timeout: 150_000, idleTimeout: 50_000 },
};

/** One bucket, the client that knows the way there, and how long it is tried. */
export interface Bucket {
  client: S3Client;
  name: string;
  limits: S3Limits;
}

/** Where a bucket's object of that key lies, as commands take it. */
export function objectParams({ name }: Bucket, key: string): { Bucket: string; Key: string } {
  return { Bucket: name, Key: key };
}

/** Makes a call until it is answered or its time is over. */
export function call<T>(
  operation: string,
  limits: RetryLimits<T>,
  send: (options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  return retry(operation, limits, ({ signal }) => send({ abortSignal: signal }));
}

/** What a command needs of a spooled body, and what S3 proves it by. */
interface BodyInput {
  Body: SpooledBody;
  ContentLength: number;
  ChecksumCRC32?: string;
}

/** Makes a call that carries a spooled file, from the file's beginning at each try. */
export function callWithBody<T>(
  operation: string,
  limits: RetryLimits<T>,
  { file, length, checksum: proof }: VerifiedFile,
  send: (body: BodyInput, options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  return retry(operation, limits, async (watchdog) => {
    const sha256 = 'sha256' in proof ? proof.sha256 : undefined;
    const Body = new SpooledBody(file.path, { sha256, onSent: () => watchdog.reset() });
    const input = { Body, ContentLength: length, ...('crc32' in proof && { ChecksumCRC32: proof.crc32 }) };
    // A request does not notice when what it sends breaks off.
    const { promise: broken, reject } = Promise.withResolvers<never>();
    Body.once('error', reject);
    try {
      return await Promise.race([send(input, { abortSignal: watchdog.signal }), broken]);
    } finally {
      Body.destroy();
    }
  });
}

/** The call's answer; undefined where what it is about is not there. */
export async function ignoreNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const FIRST_PAUSE: Millis = 100;
const LONGEST_PAUSE: Millis = 5_000;

/** How long, and how often, a call to S3 is tried. */
export interface RetryLimits<T> {
  /** The whole of it: after this long it has settled, whatever S3 does; `outcome` has its own time beside it. */
  timeout: Millis;
  /** A try that sees nothing happen for this long is given up, and the next one begins. */
  idleTimeout: Millis;
  /** Asked after a try that failed in passing: what has come of it in spite of that. Undefined: try again. */
  outcome?: (failure: S3Error) => Promise<T | undefined>;
}

/**
 * Calls S3 until it answers, in bounded time: what fails in passing is tried again, after a pause that doubles and has
 * half of it left to chance. Rejects with what S3 says for good, or with the last failure. `attempt` gets a watchdog:
 * its signal ends the try, and whoever sees bytes move touches it.
 */
async function retry<T>(
  operation: string,
  { timeout, idleTimeout, outcome }: RetryLimits<T>,
  attempt: (watchdog: IdleTimer) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + timeout;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const watchdog = new IdleTimer({ idleTimeout, deadline });
    let failure: unknown;
    try {
      return await Promise.race([attempt(watchdog), watchdog.aborted]);
    } catch (error) {
      // A request whose answer came before its end would hold its connection for ever.
      watchdog.abort();
      failure = toS3Error(operation, error);
    } finally {
      watchdog.stop();
    }
    if (!(failure instanceof S3Error) || !failure.retryable) throw failure;
    const came = await outcome?.(failure);
    if (came !== undefined) return came;
    const wait = pause * (0.5 + 0.5 * Math.random());
    if (performance.now() + wait >= deadline) throw failure;
    await sleep(wait);
  }
}

/** Ends one try of a call: when nothing has happened for a while, or when its time is over. */
class IdleTimer {
  /** Rejects when the try is ended, also where the one who makes it is deaf to the signal. */
  readonly aborted: Promise<never>;
  readonly #controller = new AbortController();
  readonly #idleTimeout: NodeJS.Timeout;
  readonly #timer: NodeJS.Timeout;

  /** `idle timeout` in milliseconds; `deadline` on the clock of `performance.now()`. */
  constructor({ idleTimeout, deadline }: { idleTimeout: Millis; deadline: Millis }) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.aborted = promise;
    const end = () => this.#controller.abort();
    const timedOut = Object.assign(new Error('nothing came in time'), { name: 'TimeoutError' });
    this.#controller.signal.addEventListener('abort', () => reject(timedOut), { once: true });
    this.#idleTimeout = setTimeout(end, idleTimeout);
    this.#timer = setTimeout(end, Math.max(0, deadline - performance.now()));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something has moved. */
  reset(): void {
    this.#idleTimeout.refresh();
  }

  /** Ends the try now. */
  abort(): void {
    this.#controller.abort();
  }

  stop(): void {
    clearTimeout(this.#idleTimeout);
    clearTimeout(this.#timer);
  }
}
