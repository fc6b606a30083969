import { Refusal } from '@partway/protocol/errors';
import type { ContentId, Millis, UserId } from '@partway/protocol/ids';
import {
  type BodySource,
  type ByteRange,
  type ContentStore,
  type FoundContent,
  type Grid,
  type LocalBytes,
  LostParts,
  type Receipt,
  type Slot,
  type Staging,
  type StoredContent,
} from '../blob-store.ts';
import type { Spool } from '../spool/spool.ts';
import { ProofMaker } from './checksums.ts';
import { hasObject, outcomeOf } from './completion.ts';
import { isGone, S3Failure, s3Refusal } from './errors.ts';
import type { S3Keys } from './keys.ts';
import { type ListedUpload, type S3Part, type S3Upload, S3Uploads } from './multipart-uploads.ts';
import { openReading } from './object-reader.ts';
import { S3Objects } from './objects.ts';
import { putInPieces } from './put-object.ts';
import type { Bucket } from './retry.ts';

/** S3's limit for one upload. */
const MOST_SLOTS = 10_000;

interface S3Parts {
  bucket: Bucket;
  keys: S3Keys;
  spool: Spool;
  /** Whether the way to the store is encrypted: parts need no signature of their own then. */
  encrypted: boolean;
}

/**
 * Content in objects of an S3 bucket, one each. A file is one multipart upload while its slots are written, each of them
 * a part, and an object of the same key when it is whole. A body lies proven in the spool before S3 sees a byte of it.
 */
export class S3Store implements ContentStore {
  readonly #keys: S3Keys;
  readonly #spool: Spool;
  readonly #uploads: S3Uploads;
  readonly #objects: S3Objects;

  constructor({ bucket, keys, spool, encrypted }: S3Parts) {
    this.#keys = keys;
    this.#spool = spool;
    this.#uploads = new S3Uploads(bucket, { askForCrc32: encrypted });
    this.#objects = new S3Objects(bucket);
  }

  async begin(content: ContentId, grid: Grid): Promise<Staging> {
    if (grid.slots > MOST_SLOTS) throw new RangeError(`S3 takes ${MOST_SLOTS} parts, not ${grid.slots}`);
    const upload = await refusing(this.#uploads.create(this.#keys.of(content), { crc32: true }));
    return { content, grid, driver: driverOf(upload) };
  }

  async write(
    staging: Staging,
    slot: Slot,
    body: AsyncIterable<Uint8Array>,
    { by, signal }: BodySource = {},
  ): Promise<Receipt> {
    const upload = this.#uploadOf(staging);
    const maker = new ProofMaker(upload.proof);
    const { length } = slot;
    const file = await this.#spool.receive(maker.watch(body), { length, most: length, by, signal });
    try {
      const part = await this.#uploads.sendPart(upload, slot.index + 1, { file, length, proof: maker.proof() });
      await this.#spool.keep(spoolKey(staging, slot), file);
      return receiptOf(part);
    } catch (error) {
      await file.remove();
      throw isGone(error) ? gone(error) : s3Refusal(error);
    }
  }

  async locate(staging: Staging, slot: Slot): Promise<LocalBytes | undefined> {
    const path = this.#spool.find(spoolKey(staging, slot));
    return path === undefined ? undefined : { path, offset: 0, length: slot.length };
  }

  async release(staging: Staging, slot: Slot): Promise<void> {
    await this.#spool.drop(spoolKey(staging, slot));
  }

  async seal(staging: Staging, receipts: readonly Receipt[]): Promise<void> {
    const upload = this.#uploadOf(staging);
    const size = staging.grid.fileSize;
    try {
      if (staging.grid.slots === 0) await this.#sealEmpty(upload);
      else {
        await this.#uploads.complete(upload, receipts.map(partOf), (failure, patience) =>
          outcomeOf(this.#both, upload, { size, gone, failure, patience }),
        );
      }
    } catch (error) {
      const lost = isOfParts(error) ? await this.#lost(upload, receipts) : [];
      if (lost !== undefined && lost.length > 0) throw new LostParts(lost, { cause: error });
      if (lost !== undefined && !isGone(error)) throw s3Refusal(error);
      // Sealed by another call, just now or before a crash.
      if (await refusing(hasObject(this.#objects, upload.key, size))) return;
      throw gone(error);
    }
  }

  async put(content: ContentId, body: AsyncIterable<Uint8Array>, by?: UserId): Promise<void> {
    await refusing(putInPieces({ spool: this.#spool, ...this.#both, by }, this.#keys.of(content), body));
  }

  async open(content: ContentId, range?: ByteRange): Promise<NodeJS.ReadableStream & AsyncIterable<Uint8Array>> {
    return refusing(openReading(this.#objects, this.#keys.of(content), range));
  }

  async remove(target: ContentId | Staging): Promise<void> {
    const content = typeof target === 'string' ? target : target.content;
    const key = this.#keys.of(content);
    await this.#spool.dropAll(`${content}/`);
    // In the order in which an upload becomes an object, so that one sealed meanwhile is still met.
    await refusing(this.#abortAll(key, typeof target === 'string' ? undefined : uploadOf(target, key)));
    await refusing(this.#objects.delete(key));
  }

  async has(staging: Staging): Promise<boolean> {
    const upload = this.#uploadOf(staging);
    return refusing(this.#isThere(upload));
  }

  async isSealed(content: ContentId): Promise<boolean> {
    return (await refusing(this.#objects.sizeOf(this.#keys.of(content)))) !== undefined;
  }

  async *list(): AsyncGenerator<StoredContent, void, undefined> {
    // In the order in which an upload becomes an object: one sealed meanwhile may be met twice, but is never missed.
    for await (const upload of this.#uploads.list(this.#keys.contents)) {
      const content = this.#keys.contentOf(upload.key);
      const lastWrite = () => refusing(this.#lastPart(upload));
      if (content !== undefined) yield { content, kind: 'staging', modifiedAt: upload.begunAt, lastWrite };
    }
    for await (const { key, modifiedAt } of this.#objects.list(this.#keys.contents)) {
      const content = this.#keys.contentOf(key);
      if (content !== undefined) yield { content, kind: 'sealed', modifiedAt };
    }
  }

  /** A bucket is listed by a thousand names a call, whatever they begin with: one part is the cheapest. */
  parts(): number {
    return 1;
  }

  async *look(): AsyncGenerator<FoundContent, void, undefined> {
    for await (const { content, modifiedAt, lastWrite = async () => modifiedAt } of this.list()) {
      yield { content, lastWrite };
    }
  }

  get #both(): { uploads: S3Uploads; objects: S3Objects } {
    return { uploads: this.#uploads, objects: this.#objects };
  }

  #uploadOf(staging: Staging): S3Upload {
    const upload = uploadOf(staging, this.#keys.of(staging.content));
    if (upload === undefined) throw new Error(`the upload of ${staging.content} was not begun on S3`);
    return upload;
  }

  async #isThere(upload: S3Upload): Promise<boolean> {
    return (await this.#uploads.has(upload)) || (await this.#objects.sizeOf(upload.key)) !== undefined;
  }

  /** When the newest part of an upload was stored, or the upload begun; now, where it has just been sealed or aborted. */
  async #lastPart(upload: ListedUpload): Promise<Millis> {
    const parts = await this.#uploads.listParts(upload);
    if (parts === undefined) return Date.now();
    return parts.reduce((last, { storedAt }) => Math.max(last, storedAt), upload.begunAt);
  }

  /** Where only the key is known, S3 is asked for its uploads: after a crash there may be one that no row names. */
  async #abortAll(key: string, upload: S3Upload | undefined): Promise<void> {
    if (upload !== undefined) return this.#uploads.abort(upload);
    for await (const found of this.#uploads.list(key)) if (found.key === key) await this.#uploads.abort(found);
  }

  /** S3 completes no upload without a part; so the object is put, and only then the upload goes. */
  async #sealEmpty(upload: S3Upload): Promise<void> {
    if (!(await this.#uploads.has(upload))) throw new S3Failure('seal', { code: 'NoSuchUpload', passing: false });
    await this.#objects.putText(upload.key, '', 'application/octet-stream');
    await this.#uploads.abort(upload);
  }

  /**
   * Which slots S3 does not have as their receipts say: written over by a late request, or never there. Undefined where
   * the upload is gone, and its parts with it.
   */
  async #lost(upload: S3Upload, receipts: readonly Receipt[]): Promise<number[] | undefined> {
    const parts = await refusing(this.#uploads.listParts(upload));
    if (parts === undefined) return undefined;
    // SeaweedFS lists all that were sent of a number, and takes that of the receipt.
    const stored = new Set(parts.map(({ number, etag }) => `${number} ${etag}`));
    const lost = receipts.map(partOf).filter(({ number, etag }) => !stored.has(`${number} ${etag}`));
    return lost.map(({ number }) => number - 1);
  }
}

function spoolKey({ content }: Staging, { index }: Slot): string {
  return `${content}/${index}`;
}

function isOfParts(error: unknown): boolean {
  return error instanceof S3Failure && error.code === 'InvalidPart';
}

function gone(cause?: unknown): Refusal {
  return new Refusal(
    'upload_session_not_found',
    'This upload is no longer there: it was aborted, committed or expired.',
    { cause },
  );
}

async function refusing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw s3Refusal(error);
  }
}

/** What goes into a part's row: `ETAG`, or `ETAG CRC32` where S3 keeps one (base64). */
function receiptOf({ etag, crc32 }: S3Part): Receipt {
  return crc32 === undefined ? etag : `${etag} ${crc32}`;
}

function partOf(receipt: Receipt, index: number): S3Part {
  const [etag = '', crc32] = receipt.split(' ');
  return { number: index + 1, etag, ...(crc32 !== undefined && { crc32 }) };
}

/** What goes into a session's row: `UPLOAD-ID`, or `crc32 UPLOAD-ID` where S3 keeps a CRC-32 of each part. */
function driverOf({ id, proof }: S3Upload): string {
  return proof === 'crc32' ? `crc32 ${id}` : id;
}

/** The upload of a staging; undefined where it never was one of S3's. */
function uploadOf({ driver }: Staging, key: string): S3Upload | undefined {
  if (driver === undefined) return undefined;
  const [first = '', second] = driver.split(' ');
  return second === undefined ? { key, id: first, proof: 'sha256' } : { key, id: second, proof: 'crc32' };
}
