import { parseSha1Hex, sha1ToBase64 } from '@partway/protocol/ids';
import type { UploadPart, UploadSession } from '@partway/protocol/schemas/upload-sessions';
import { ApiError, UnexpectedResponse } from '../errors.ts';
import { TransportError } from '../transport.ts';
import type { PartProgress } from '../upload-options.ts';
import { ConcurrencyController } from './concurrency.ts';
import { listStoredParts } from './list-parts.ts';
import { Semaphore } from './semaphore.ts';
import { isSessionGone, restartIfGone, sourceChangedError } from './session-errors.ts';
import type { PartData } from './source.ts';
import type { UploadTask } from './upload.ts';

/** How often one part can arrive with wrong bytes before the upload fails. */
const MAX_CORRUPTIONS = 8;
const IDLE_MILLIS = 60_000;

interface PartSenderOptions {
  /** Maximum number of concurrent requests. */
  maxRequests: number;
  signal: AbortSignal;
  /** Called with the current limit of concurrent requests, first in the constructor and then whenever it changes. */
  onLimit(limit: number): void;
}

/** Sends the parts of one session. It adjusts the number of concurrent requests, and retries parts. */
export class PartSender {
  readonly #upload: UploadTask;
  readonly #session: UploadSession;
  readonly #signal: AbortSignal;
  readonly #concurrency: ConcurrencyController;
  readonly #semaphore: Semaphore;
  readonly #onLimit: (limit: number) => void;
  /** The list of stored parts since the last failure, shared by all parts that failed. */
  #listedParts: Promise<ReadonlyMap<number, UploadPart>> | undefined;

  constructor(upload: UploadTask, session: UploadSession, { maxRequests, signal, onLimit }: PartSenderOptions) {
    this.#upload = upload;
    this.#session = session;
    this.#signal = signal;
    this.#onLimit = onLimit;
    this.#concurrency = new ConcurrencyController(maxRequests, performance.now());
    this.#semaphore = new Semaphore(this.#concurrency.limit);
    upload.meter.parallel = this.#concurrency.limit;
    onLimit(this.#concurrency.limit);
  }

  /** Resolves with the stored part. @throws RestartUpload if the session can no longer be used for this source. */
  async send(part: PartProgress, data: PartData): Promise<UploadPart> {
    const { meter, budget } = this.#upload;
    let corruptions = 0;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const stored = await this.#sendOnce(part, data);
        budget.recordSuccess();
        meter.recordStored(part, 'sent');
        return stored;
      } catch (error) {
        meter.recordSent(part, 0);
        part.state = 'failed';
        if (isCorrupted(error)) corruptions += 1;
        const stored = await this.#handleFailure(part, data, attempt, corruptions, error);
        if (stored !== undefined) {
          budget.recordSuccess();
          meter.recordStored(part, 'sent');
          return stored;
        }
      }
    }
  }

  async #sendOnce(part: PartProgress, { body, sha1 }: PartData): Promise<UploadPart> {
    const { client, meter, size: total } = this.#upload;
    await this.#semaphore.acquire(this.#signal, { order: part.offset });
    try {
      part.state = 'sending';
      part.tries += 1;
      const range = `bytes ${part.offset}-${part.offset + part.size - 1}/${total}`;
      const response = await client.chunkedUploads.uploadFilePartByUrl(
        this.#session.session_endpoints.upload_part,
        body,
        { digest: renderDigest(sha1), contentRange: range },
        {
          signal: this.#signal,
          retries: 0,
          idleMillis: IDLE_MILLIS,
          onSent: (bytes) => meter.recordSent(part, bytes),
        },
      );
      this.#concurrency.recordStored(part.size, performance.now());
      return response.part;
    } finally {
      this.#semaphore.release();
      this.#applyLimit();
    }
  }

  /** Waits before the next attempt. Resolves with the part if it turns out to be stored. @throws if a retry cannot help. */
  async #handleFailure(
    part: PartProgress,
    data: PartData,
    attempt: number,
    corruptions: number,
    error: unknown,
  ): Promise<UploadPart | undefined> {
    const { budget, source } = this.#upload;
    this.#signal.throwIfAborted();
    if (isSessionGone(error)) throw restartIfGone(error);
    if (error instanceof UnexpectedResponse) return this.#getStored(part, data, error);
    if (isOverlap(error)) return this.#resolveOverlap(part, data, error);
    const mayBeSource = isCorrupted(error) || error instanceof TransportError;
    // Either the connection corrupts data, or the source has changed after it was hashed.
    if (mayBeSource && !(await source.isUnchanged())) throw sourceChangedError(source.identity.name, error);
    if (isCorrupted(error)) {
      if (corruptions > MAX_CORRUPTIONS) throw error;
      return undefined;
    }
    this.#listedParts = undefined;
    this.#concurrency.recordFailure(performance.now());
    this.#applyLimit();
    if (error instanceof ApiError) this.#semaphore.pause(error.retryAfterMillis ?? 0);
    await budget.waitBeforeRetry({ what: 'part', offset: part.offset }, attempt, error, this.#signal);
    if (error instanceof TransportError || (error instanceof ApiError && error.status >= 500)) {
      return this.#findStored(part, data);
    }
    return undefined;
  }

  /** After a lost connection: the part, if it had arrived completely. */
  async #findStored(part: PartProgress, data: PartData): Promise<UploadPart | undefined> {
    const stored = (await this.#listParts()).get(part.offset);
    return matchesPart(stored, part, data) ? stored : undefined;
  }

  /** After a response that is not the server's: the part, if it had arrived. */
  async #getStored(part: PartProgress, data: PartData, error: unknown): Promise<UploadPart> {
    this.#listedParts = undefined;
    const stored = await this.#findStored(part, data);
    if (stored === undefined) throw error;
    return stored;
  }

  /** Box returns an overlap error for a part that is already stored. It is the same part if it has the same bytes. */
  async #resolveOverlap(part: PartProgress, data: PartData, error: unknown): Promise<UploadPart | undefined> {
    this.#listedParts = undefined;
    const stored = (await this.#listParts()).get(part.offset);
    if (matchesPart(stored, part, data)) return stored;
    if (stored === undefined) {
      // The overlapping part is not stored yet: an earlier attempt whose connection was lost may still be in progress.
      const attempted = { what: 'part', offset: part.offset } as const;
      await this.#upload.budget.waitBeforeRetry(attempted, part.tries, toRetryable(error), this.#signal);
      return undefined;
    }
    throw sourceChangedError(this.#upload.source.identity.name, error);
  }

  #listParts(): Promise<ReadonlyMap<number, UploadPart>> {
    const { client, budget } = this.#upload;
    const { list_parts: url } = this.#session.session_endpoints;
    this.#listedParts ??= budget
      .retry({ what: 'session' }, () => listStoredParts(client, url, this.#signal), {
        signal: this.#signal,
        isProgress: false,
      })
      .catch((error) => {
        throw restartIfGone(error);
      });
    return this.#listedParts;
  }

  #applyLimit(): void {
    const { meter, emit } = this.#upload;
    const { limit } = this.#concurrency;
    if (limit === meter.parallel) return;
    meter.parallel = limit;
    this.#semaphore.limit = limit;
    this.#onLimit(limit);
    emit({ type: 'parallel', parallel: limit, message: `Up to ${limit} concurrent requests.` });
  }
}

/** Renders the `digest` header for a SHA-1 in hex. */
export function renderDigest(hex: string): string {
  const sha1 = parseSha1Hex(hex);
  if (sha1 === undefined) throw new TypeError(`"${hex}" is not a SHA-1.`);
  return `sha=${sha1ToBase64(sha1)}`;
}

function matchesPart(stored: UploadPart | undefined, { size }: PartProgress, { sha1 }: PartData): boolean {
  return stored?.sha1 === sha1 && stored.size === size;
}

function isCorrupted(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 'digest_mismatch' || error.code === 'bad_digest');
}

function isOverlap(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409 && /overlap/.test(error.code);
}

function toRetryable(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  return new ApiError({ ...error, message: error.message, code: 'operation_blocked_temporary' });
}
