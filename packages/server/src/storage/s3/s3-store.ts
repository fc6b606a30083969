import type { BlobId, Millis, UserId } from '@partway/protocol/ids';
import {
  type BlobStore,
  type BodySource,
  type ByteRange,
  type FoundBlob,
  type LocalPart,
  LostPartsError,
  type PartLayout,
  type PartRange,
  type PartTag,
  type StagedBlob,
  type StoredBlob,
} from '../blob-store.ts';
import { StorageError } from '../errors.ts';
import type { Spool } from '../spool/spool.ts';
import { PartChecksum } from './checksums.ts';
import { hasObject, resolveCompletion } from './completion.ts';
import { isNotFound, S3Error, s3UnavailableError } from './errors.ts';
import type { S3Keys } from './keys.ts';
import { type ListedUpload, type MultipartPart, type MultipartUpload, MultipartUploads } from './multipart-uploads.ts';
import { openObject } from './object-reader.ts';
import { S3Objects } from './objects.ts';
import { putObject } from './put-object.ts';
import type { Bucket } from './retry.ts';

/** S3's limit for one upload. */
const MAX_PARTS = 10_000;

interface S3Deps {
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
export class S3Store implements BlobStore {
  readonly #keys: S3Keys;
  readonly #spool: Spool;
  readonly #uploads: MultipartUploads;
  readonly #objects: S3Objects;

  constructor({ bucket, keys, spool, encrypted }: S3Deps) {
    this.#keys = keys;
    this.#spool = spool;
    this.#uploads = new MultipartUploads(bucket, { askForCrc32: encrypted });
    this.#objects = new S3Objects(bucket);
  }

  async create(blob: BlobId, layout: PartLayout): Promise<StagedBlob> {
    if (layout.partCount > MAX_PARTS) throw new RangeError(`S3 takes ${MAX_PARTS} parts, not ${layout.partCount}`);
    const upload = await mapErrors(this.#uploads.create(this.#keys.blobKey(blob), { crc32: true }));
    return { blob, layout, backendState: encodeUpload(upload) };
  }

  async writePart(
    staged: StagedBlob,
    range: PartRange,
    body: AsyncIterable<Uint8Array>,
    { by, signal }: BodySource = {},
  ): Promise<PartTag> {
    const upload = this.#uploadOf(staged);
    const maker = new PartChecksum(upload.checksum);
    const { length } = range;
    const file = await this.#spool.receive(maker.update(body), { length, maxBytes: length, by, signal });
    try {
      const part = await this.#uploads.sendPart(upload, range.index + 1, { file, length, checksum: maker.result() });
      await this.#spool.cache(spoolKey(staged, range), file);
      return encodePartTag(part);
    } catch (error) {
      await file.remove();
      throw isNotFound(error) ? blobGoneError(error) : s3UnavailableError(error);
    }
  }

  async localPart(staged: StagedBlob, range: PartRange): Promise<LocalPart | undefined> {
    const path = this.#spool.find(spoolKey(staged, range));
    return path === undefined ? undefined : { path, offset: 0, length: range.length };
  }

  async dropLocalPart(staged: StagedBlob, range: PartRange): Promise<void> {
    await this.#spool.drop(spoolKey(staged, range));
  }

  async complete(staged: StagedBlob, tags: readonly PartTag[]): Promise<void> {
    const upload = this.#uploadOf(staged);
    const size = staged.layout.fileSize;
    try {
      if (staged.layout.partCount === 0) await this.#completeEmpty(upload);
      else {
        await this.#uploads.complete(upload, tags.map(decodePartTag), (failure, timeout) =>
          resolveCompletion(this.#both, upload, { size, gone: blobGoneError, failure, timeout }),
        );
      }
    } catch (error) {
      const lost = isOfParts(error) ? await this.#lost(upload, tags) : [];
      if (lost !== undefined && lost.length > 0) throw new LostPartsError(lost, { cause: error });
      if (lost !== undefined && !isNotFound(error)) throw s3UnavailableError(error);
      // Sealed by another call, just now or before a crash.
      if (await mapErrors(hasObject(this.#objects, upload.key, size))) return;
      throw blobGoneError(error);
    }
  }

  async put(blob: BlobId, body: AsyncIterable<Uint8Array>, by?: UserId): Promise<void> {
    await mapErrors(putObject({ spool: this.#spool, ...this.#both, by }, this.#keys.blobKey(blob), body));
  }

  async read(blob: BlobId, range?: ByteRange): Promise<NodeJS.ReadableStream & AsyncIterable<Uint8Array>> {
    return mapErrors(openObject(this.#objects, this.#keys.blobKey(blob), range));
  }

  async remove(target: BlobId | StagedBlob): Promise<void> {
    const blob = typeof target === 'string' ? target : target.blob;
    const key = this.#keys.blobKey(blob);
    await this.#spool.dropAll(`${blob}/`);
    // In the order in which an upload becomes an object, so that one sealed meanwhile is still met.
    await mapErrors(this.#abortAll(key, typeof target === 'string' ? undefined : decodeUpload(target, key)));
    await mapErrors(this.#objects.delete(key));
  }

  async exists(staged: StagedBlob): Promise<boolean> {
    const upload = this.#uploadOf(staged);
    return mapErrors(this.#isThere(upload));
  }

  async isComplete(blob: BlobId): Promise<boolean> {
    return (await mapErrors(this.#objects.sizeOf(this.#keys.blobKey(blob)))) !== undefined;
  }

  async *list(): AsyncGenerator<StoredBlob, void, undefined> {
    // In the order in which an upload becomes an object: one sealed meanwhile may be met twice, but is never missed.
    for await (const upload of this.#uploads.list(this.#keys.blobs)) {
      const content = this.#keys.parseBlobKey(upload.key);
      const lastWrite = () => mapErrors(this.#lastPart(upload));
      if (content !== undefined) yield { blob: content, kind: 'staged', modifiedAt: upload.createdAt, lastWrite };
    }
    for await (const { key, modifiedAt } of this.#objects.list(this.#keys.blobs)) {
      const content = this.#keys.parseBlobKey(key);
      if (content !== undefined) yield { blob: content, kind: 'complete', modifiedAt };
    }
  }

  /** A bucket is listed by a thousand names a call, whatever they begin with: one part is the cheapest. */
  parts(): number {
    return 1;
  }

  async *find(): AsyncGenerator<FoundBlob, void, undefined> {
    for await (const { blob, modifiedAt, lastWrite = async () => modifiedAt } of this.list()) {
      yield { blob, lastWrite };
    }
  }

  get #both(): { uploads: MultipartUploads; objects: S3Objects } {
    return { uploads: this.#uploads, objects: this.#objects };
  }

  #uploadOf(staged: StagedBlob): MultipartUpload {
    const upload = decodeUpload(staged, this.#keys.blobKey(staged.blob));
    if (upload === undefined) throw new Error(`the upload of ${staged.blob} was not begun on S3`);
    return upload;
  }

  async #isThere(upload: MultipartUpload): Promise<boolean> {
    return (await this.#uploads.exists(upload)) || (await this.#objects.sizeOf(upload.key)) !== undefined;
  }

  /** When the newest part of an upload was stored, or the upload begun; now, where it has just been sealed or aborted. */
  async #lastPart(upload: ListedUpload): Promise<Millis> {
    const parts = await this.#uploads.listParts(upload);
    if (parts === undefined) return Date.now();
    return parts.reduce((last, { storedAt }) => Math.max(last, storedAt), upload.createdAt);
  }

  /** Where only the key is known, S3 is asked for its uploads: after a crash there may be one that no row names. */
  async #abortAll(key: string, upload: MultipartUpload | undefined): Promise<void> {
    if (upload !== undefined) return this.#uploads.abort(upload);
    for await (const found of this.#uploads.list(key)) if (found.key === key) await this.#uploads.abort(found);
  }

  /** S3 completes no upload without a part; so the object is put, and only then the upload goes. */
  async #completeEmpty(upload: MultipartUpload): Promise<void> {
    if (!(await this.#uploads.exists(upload))) throw new S3Error('seal', { code: 'NoSuchUpload', retryable: false });
    await this.#objects.putText(upload.key, '', 'application/octet-stream');
    await this.#uploads.abort(upload);
  }

  /**
   * Which slots S3 does not have as their receipts say: written over by a late request, or never there. Undefined where
   * the upload is gone, and its parts with it.
   */
  async #lost(upload: MultipartUpload, tags: readonly PartTag[]): Promise<number[] | undefined> {
    const parts = await mapErrors(this.#uploads.listParts(upload));
    if (parts === undefined) return undefined;
    // SeaweedFS lists all that were sent of a number, and takes that of the receipt.
    const stored = new Set(parts.map(({ number, etag }) => `${number} ${etag}`));
    const lost = tags.map(decodePartTag).filter(({ number, etag }) => !stored.has(`${number} ${etag}`));
    return lost.map(({ number }) => number - 1);
  }
}

function spoolKey({ blob }: StagedBlob, { index }: PartRange): string {
  return `${blob}/${index}`;
}

function isOfParts(error: unknown): boolean {
  return error instanceof S3Error && error.code === 'InvalidPart';
}

function blobGoneError(cause?: unknown): StorageError {
  return new StorageError('blob-not-found', 'This upload is no longer there: it was aborted, committed or expired.', {
    cause,
  });
}

async function mapErrors<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw s3UnavailableError(error);
  }
}

/** What goes into a part's row: `ETAG`, or `ETAG CRC32` where S3 keeps one (base64). */
function encodePartTag({ etag, crc32 }: MultipartPart): PartTag {
  return crc32 === undefined ? etag : `${etag} ${crc32}`;
}

function decodePartTag(tag: PartTag, index: number): MultipartPart {
  const [etag = '', crc32] = tag.split(' ');
  return { number: index + 1, etag, ...(crc32 !== undefined && { crc32 }) };
}

/** What goes into a session's row: `UPLOAD-ID`, or `crc32 UPLOAD-ID` where S3 keeps a CRC-32 of each part. */
function encodeUpload({ id, checksum: proof }: MultipartUpload): string {
  return proof === 'crc32' ? `crc32 ${id}` : id;
}

/** The upload of a staging; undefined where it never was one of S3's. */
function decodeUpload({ backendState: driver }: StagedBlob, key: string): MultipartUpload | undefined {
  if (driver === undefined) return undefined;
  const [first = '', second] = driver.split(' ');
  return second === undefined ? { key, id: first, checksum: 'sha256' } : { key, id: second, checksum: 'crc32' };
}
