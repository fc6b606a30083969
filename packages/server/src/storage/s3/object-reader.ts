import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import type { ByteRange } from '../blob-store.ts';
import { S3Error, s3UnavailableError } from './errors.ts';
import type { S3Objects } from './objects.ts';

/** How long S3 can send nothing while the consumer waits for bytes. Does not count while the consumer is slow. */
const IDLE_TIMEOUT: Millis = 15_000;
/** How often a read that has failed is resumed without any progress. */
const MAX_ATTEMPTS = 5;
const FIRST_PAUSE: Millis = 200;

/** Reads an object or a range of it. Rejects if the object does not exist. Resumes the read when S3 breaks it off. */
export async function openObject(objects: S3Objects, key: string, range?: ByteRange): Promise<Readable> {
  const { body, length } = await objects.get(key, range);
  return new ObjectReader({ objects, key, position: range?.first ?? 0, remaining: length, body });
}

interface ReadPosition {
  objects: S3Objects;
  key: string;
  /** The offset in the object of the next byte to read. */
  position: number;
  remaining: number;
  body: Readable;
}

class ObjectReader extends Readable {
  readonly #objects: S3Objects;
  readonly #key: string;
  #position: number;
  #remaining: number;
  #body: Readable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #attempts = 0;

  constructor({ objects, key, position, remaining, body }: ReadPosition) {
    super();
    this.#objects = objects;
    this.#key = key;
    this.#position = position;
    this.#remaining = remaining;
    this.#readFrom(body);
    if (remaining > 0) return;
    this.push(null);
    body.resume();
  }

  override _read(): void {
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
  }

  #onChunk(chunk: Buffer): void {
    clearTimeout(this.#timer);
    // Ignore bytes beyond the requested range.
    const wanted = chunk.subarray(0, this.#remaining);
    this.#position += wanted.length;
    this.#remaining -= wanted.length;
    this.#attempts = 0;
    const canContinue = this.push(wanted);
    if (this.#remaining === 0) this.push(null);
    else if (canContinue) this.#resetTimer();
    else this.#body?.pause();
  }

  #resetTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#body?.destroy(new S3Error('GetObject', { code: 'TimeoutError', retryable: true })),
      IDLE_TIMEOUT,
    );
  }

  /** Resumes the read if the response has ended too early. */
  #onError(body: Readable): void {
    if (this.#body !== body) return;
    this.#body = undefined;
    if (this.#remaining === 0 || this.destroyed) return;
    this.#retry().catch((failure: Error) => this.destroy(failure));
  }

  async #retry(): Promise<void> {
    this.#attempts += 1;
    if (this.#attempts > MAX_ATTEMPTS) {
      throw s3UnavailableError(new S3Error('GetObject', { code: 'response cut off too often', retryable: true }));
    }
    await sleep(FIRST_PAUSE * (this.#attempts - 1));
    if (this.destroyed) return;
    const { body } = await this.#objects.get(this.#key, {
      first: this.#position,
      last: this.#position + this.#remaining - 1,
    });
    if (this.destroyed) return void body.destroy();
    this.#readFrom(body);
    this.#resetTimer();
    body.resume();
  }
}
