import { parseSha1Hex, sha1ToBase64 } from '@partway/protocol/ids';
import type { UploadPart, UploadSession } from '@partway/protocol/schemas/upload-sessions';
import { ApiError, UnexpectedResponse } from '../errors.ts';
import { TransportError } from '../transport.ts';
import type { PartProgress } from '../upload-options.ts';
import { ConcurrencyController } from './concurrency.ts';
import { listStoredParts } from './list-parts.ts';
import { PrioritySemaphore } from './semaphore.ts';
import { isSessionGone, restartIfGone, sourceChangedError } from './session-errors.ts';
import type { TakenPart } from './source.ts';
import type { UploadTask } from './upload.ts';

/** How often one part may arrive with other bytes than were sent. */
const MOST_CORRUPTIONS = 8;
const IDLE_MILLIS = 60_000;

interface Sending {
  /** How many requests there may be at a time at most. */
  most: number;
  signal: AbortSignal;
  /** Told how many there may be now, at first and whenever that changes. */
  onLimit(limit: number): void;
}

/** Sends the parts of one session: so many at a time as the line is worth, each as often as it takes. */
export class PartSender {
  readonly #upload: UploadTask;
  readonly #session: UploadSession;
  readonly #signal: AbortSignal;
  readonly #control: ConcurrencyController;
  readonly #gate: PrioritySemaphore;
  readonly #onLimit: (limit: number) => void;
  /** A list that was asked for after the last trouble, shared by all who had it. */
  #listing: Promise<ReadonlyMap<number, UploadPart>> | undefined;

  constructor(upload: UploadTask, session: UploadSession, { most, signal, onLimit }: Sending) {
    this.#upload = upload;
    this.#session = session;
    this.#signal = signal;
    this.#onLimit = onLimit;
    this.#control = new ConcurrencyController(most, performance.now());
    this.#gate = new PrioritySemaphore(this.#control.limit);
    upload.meter.parallel = this.#control.limit;
    onLimit(this.#control.limit);
  }

  /** Resolves with the stored part. Throws `RestartUpload` where the session cannot become this source's any more. */
  async send(part: PartProgress, taken: TakenPart): Promise<UploadPart> {
    const { meter, budget: patience } = this.#upload;
    let corruptions = 0;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const stored = await this.#try(part, taken);
        patience.renew();
        meter.stored(part, 'sent');
        return stored;
      } catch (error) {
        meter.sent(part, 0);
        part.state = 'failed';
        if (isCorrupted(error)) corruptions += 1;
        const stored = await this.#afterTrouble(part, taken, attempt, corruptions, error);
        if (stored !== undefined) {
          patience.renew();
          meter.stored(part, 'sent');
          return stored;
        }
      }
    }
  }

  async #try(part: PartProgress, { body, sha1 }: TakenPart): Promise<UploadPart> {
    const { client, meter, size: total } = this.#upload;
    await this.#gate.enter(part.offset, this.#signal);
    try {
      part.state = 'sending';
      part.tries += 1;
      const range = `bytes ${part.offset}-${part.offset + part.size - 1}/${total}`;
      const answer = await client.chunkedUploads.uploadFilePartByUrl(
        this.#session.session_endpoints.upload_part,
        body,
        { digest: digestOf(sha1), contentRange: range },
        {
          signal: this.#signal,
          retries: 0,
          idleMillis: IDLE_MILLIS,
          onSent: (bytes) => meter.sent(part, bytes),
        },
      );
      this.#control.stored(part.size, performance.now());
      return answer.part;
    } finally {
      this.#gate.leave();
      this.#adjust();
    }
  }

  /** Waits before another try; gives the part where it turns out to be stored; throws where nothing helps. */
  async #afterTrouble(
    part: PartProgress,
    taken: TakenPart,
    attempt: number,
    corruptions: number,
    error: unknown,
  ): Promise<UploadPart | undefined> {
    const { budget: patience, source } = this.#upload;
    this.#signal.throwIfAborted();
    if (isSessionGone(error)) throw restartIfGone(error);
    if (error instanceof UnexpectedResponse) return this.#storedOrThrow(part, taken, error);
    if (isOverlap(error)) return this.#storedOrOther(part, taken, error);
    const mayBeTheSource = isCorrupted(error) || error instanceof TransportError;
    // Either the line is at fault, or the source has changed between its being hashed and its being sent.
    if (mayBeTheSource && !(await source.isUnchanged())) throw sourceChangedError(source.identity.name, error);
    if (isCorrupted(error)) {
      if (corruptions > MOST_CORRUPTIONS) throw error;
      return undefined;
    }
    this.#listing = undefined;
    this.#control.onTrouble(performance.now());
    this.#adjust();
    if (error instanceof ApiError) this.#gate.pause(error.retryAfterMillis ?? 0);
    await patience.waitAfter({ what: 'part', offset: part.offset }, attempt, error, this.#signal);
    if (error instanceof TransportError || (error instanceof ApiError && error.status >= 500)) {
      return this.#findStored(part, taken);
    }
    return undefined;
  }

  /** After a broken connection: the part, if it had arrived whole all the same. */
  async #findStored(part: PartProgress, taken: TakenPart): Promise<UploadPart | undefined> {
    const stored = (await this.#list()).get(part.offset);
    return isSame(stored, part, taken) ? stored : undefined;
  }

  /** After an answer that is not the server's: the part, if it arrived behind it. */
  async #storedOrThrow(part: PartProgress, taken: TakenPart, error: unknown): Promise<UploadPart> {
    this.#listing = undefined;
    const stored = await this.#findStored(part, taken);
    if (stored === undefined) throw error;
    return stored;
  }

  /** Box answers a part that is stored already with an overlap: it is ours if it has our bytes. */
  async #storedOrOther(part: PartProgress, taken: TakenPart, error: unknown): Promise<UploadPart | undefined> {
    this.#listing = undefined;
    const stored = (await this.#list()).get(part.offset);
    if (isSame(stored, part, taken)) return stored;
    if (stored === undefined) {
      // Refused for a part that is not there (yet): a try whose connection broke may still be under way.
      const trial = { what: 'part', offset: part.offset } as const;
      await this.#upload.budget.waitAfter(trial, part.tries, busy(error), this.#signal);
      return undefined;
    }
    throw sourceChangedError(this.#upload.source.identity.name, error);
  }

  #list(): Promise<ReadonlyMap<number, UploadPart>> {
    const { client, budget: patience } = this.#upload;
    const { list_parts: address } = this.#session.session_endpoints;
    this.#listing ??= patience
      .retry({ what: 'session' }, () => listStoredParts(client, address, this.#signal), {
        signal: this.#signal,
        getsOn: false,
      })
      .catch((error) => {
        throw restartIfGone(error);
      });
    return this.#listing;
  }

  #adjust(): void {
    const { meter, emit } = this.#upload;
    const { limit } = this.#control;
    if (limit === meter.parallel) return;
    meter.parallel = limit;
    this.#gate.limit = limit;
    this.#onLimit(limit);
    emit({ type: 'parallel', parallel: limit, message: `Up to ${limit} requests at a time.` });
  }
}

/** The `digest` header of a SHA-1 in hex. */
export function digestOf(hex: string): string {
  const sha1 = parseSha1Hex(hex);
  if (sha1 === undefined) throw new TypeError(`"${hex}" is not a SHA-1.`);
  return `sha=${sha1ToBase64(sha1)}`;
}

/** Whether the part that the server has is made of these bytes. */
function isSame(stored: UploadPart | undefined, { size }: PartProgress, { sha1 }: TakenPart): boolean {
  return stored?.sha1 === sha1 && stored.size === size;
}

function isCorrupted(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 'digest_mismatch' || error.code === 'bad_digest');
}

function isOverlap(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409 && /overlap/.test(error.code);
}

function busy(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  return new ApiError({ ...error, message: error.message, code: 'operation_blocked_temporary' });
}
