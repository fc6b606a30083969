import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import type { ByteRange } from '../blob-store.ts';
import { S3Error, s3UnavailableError } from './errors.ts';
import type { S3Objects } from './objects.ts';

/** S3 may fall silent for this long while somebody waits for its bytes. A reader who is slow himself is not timed. */
const IDLE_TIMEOUT: Millis = 15_000;
/** A reading goes on where it broke off, this often without a byte of progress. */
const MAX_ATTEMPTS = 5;
const FIRST_PAUSE: Millis = 200;

/** An object's bytes, or a range of them. Rejects where there is no such object. Goes on by itself where S3 breaks off. */
export async function openObject(objects: S3Objects, key: string, range?: ByteRange): Promise<Readable> {
  const { body, length } = await objects.get(key, range);
  return new ObjectReader({ objects, key, next: range?.first ?? 0, missing: length, body });
}

interface ReadPosition {
  objects: S3Objects;
  key: string;
  /** The byte of the object that comes next. */
  next: number;
  missing: number;
  body: Readable;
}

class ObjectReader extends Readable {
  readonly #objects: S3Objects;
  readonly #key: string;
  #next: number;
  #missing: number;
  #body: Readable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;

  constructor({ objects, key, next, missing, body }: ReadPosition) {
    super();
    this.#objects = objects;
    this.#key = key;
    this.#next = next;
    this.#missing = missing;
    this.#readFrom(body);
  }

  override _read(): void {
    if (this.#missing === 0) {
      this.push(null);
      return;
    }
    this.#resetTimer();
    this.#body?.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#body?.destroy();
    done(error);
  }

  #readFrom(body: Readable): void {
    this.#body = body;
    body.pause();
    body.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    body.once('error', () => this.#onError(body));
    body.once('close', () => this.#onError(body));
    if (this.#missing === 0) body.resume();
  }

  #onChunk(chunk: Buffer): void {
    // More than was asked for is another object's business.
    const wanted = chunk.length > this.#missing ? chunk.subarray(0, this.#missing) : chunk;
    this.#next += wanted.length;
    this.#missing -= wanted.length;
    this.#tries = 0;
    const more = this.push(wanted);
    if (this.#missing === 0) {
      clearTimeout(this.#timer);
      this.push(null);
    } else if (more) {
      this.#resetTimer();
    } else {
      clearTimeout(this.#timer);
      this.#body?.pause();
    }
  }

  #resetTimer(): void {
    clearTimeout(this.#timer);
    const body = this.#body;
    if (body === undefined) return;
    this.#timer = setTimeout(
      () => body.destroy(new S3Error('GetObject', { code: 'TimeoutError', retryable: true })),
      IDLE_TIMEOUT,
    );
  }

  /** The answer ended before its bytes did. */
  #onError(body: Readable): void {
    if (this.#body !== body) return;
    clearTimeout(this.#timer);
    this.#body = undefined;
    if (this.#missing === 0 || this.destroyed) return;
    this.#retry().catch((failure: Error) => this.destroy(failure));
  }

  async #retry(): Promise<void> {
    this.#tries += 1;
    if (this.#tries > MAX_ATTEMPTS) {
      throw s3UnavailableError(new S3Error('GetObject', { code: 'broken off too often', retryable: true }));
    }
    await sleep(FIRST_PAUSE * (this.#tries - 1), undefined, { ref: false });
    if (this.destroyed) return;
    const { body } = await this.#objects.get(this.#key, { first: this.#next, last: this.#next + this.#missing - 1 });
    if (this.destroyed) return void body.destroy();
    this.#readFrom(body);
    this.#resetTimer();
    body.resume();
  }
}
