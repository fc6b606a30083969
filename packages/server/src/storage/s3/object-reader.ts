import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import type { ByteRange } from '../blob-store.ts';
import { S3Failure, s3Refusal } from './errors.ts';
import type { S3Objects } from './objects.ts';

/** S3 may fall silent for this long while somebody waits for its bytes. A reader who is slow himself is not timed. */
const SILENCE: Millis = 15_000;
/** A reading goes on where it broke off, this often without a byte of progress. */
const MOST_TRIES = 5;
const FIRST_PAUSE: Millis = 200;

/** An object's bytes, or a range of them. Rejects where there is no such object. Goes on by itself where S3 breaks off. */
export async function openReading(objects: S3Objects, key: string, range?: ByteRange): Promise<Readable> {
  const { body, length } = await objects.get(key, range);
  return new Reading({ objects, key, next: range?.first ?? 0, missing: length, body });
}

interface Begun {
  objects: S3Objects;
  key: string;
  /** The byte of the object that comes next. */
  next: number;
  missing: number;
  body: Readable;
}

class Reading extends Readable {
  readonly #objects: S3Objects;
  readonly #key: string;
  #next: number;
  #missing: number;
  #body: Readable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;

  constructor({ objects, key, next, missing, body }: Begun) {
    super();
    this.#objects = objects;
    this.#key = key;
    this.#next = next;
    this.#missing = missing;
    this.#follow(body);
  }

  override _read(): void {
    if (this.#missing === 0) {
      this.push(null);
      return;
    }
    this.#watch();
    this.#body?.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#body?.destroy();
    done(error);
  }

  #follow(body: Readable): void {
    this.#body = body;
    body.pause();
    body.on('data', (chunk: Buffer) => this.#take(chunk));
    body.once('error', () => this.#broken(body));
    body.once('close', () => this.#broken(body));
    if (this.#missing === 0) body.resume();
  }

  #take(chunk: Buffer): void {
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
      this.#watch();
    } else {
      clearTimeout(this.#timer);
      this.#body?.pause();
    }
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const body = this.#body;
    if (body === undefined) return;
    this.#timer = setTimeout(
      () => body.destroy(new S3Failure('GetObject', { code: 'TimeoutError', passing: true })),
      SILENCE,
    );
  }

  /** The answer ended before its bytes did. */
  #broken(body: Readable): void {
    if (this.#body !== body) return;
    clearTimeout(this.#timer);
    this.#body = undefined;
    if (this.#missing === 0 || this.destroyed) return;
    this.#again().catch((failure: Error) => this.destroy(failure));
  }

  async #again(): Promise<void> {
    this.#tries += 1;
    if (this.#tries > MOST_TRIES) {
      throw s3Refusal(new S3Failure('GetObject', { code: 'broken off too often', passing: true }));
    }
    await sleep(FIRST_PAUSE * (this.#tries - 1), undefined, { ref: false });
    if (this.destroyed) return;
    const { body } = await this.#objects.get(this.#key, { first: this.#next, last: this.#next + this.#missing - 1 });
    if (this.destroyed) return void body.destroy();
    this.#follow(body);
    this.#watch();
    body.resume();
  }
}
