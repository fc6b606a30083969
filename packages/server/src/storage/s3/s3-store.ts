import type { Readable } from 'node:stream';
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
import { blobGoneError } from '../errors.ts';
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
  /** Whether the connection to the store is encrypted: parts then do not need a signature of their own. */
  encrypted: boolean;
}

/**
 * Stores each blob as an object in an S3 bucket. While its parts are written, it is a multipart upload with the key of the
 * later object. Each body is verified in the spool before any of it is sent to S3.
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
    if (layout.partCount > MAX_PARTS) throw new RangeError(`S3 allows ${MAX_PARTS} parts, not ${layout.partCount}.`);
    const upload = await mapErrors(this.#uploads.create(this.#keys.blobKey(blob), { crc32: true }));
    return { blob, layout, backendState: encodeUpload(upload) };
  }

  verifiesParts(): boolean {
    return false;
  }

  async writePart(
    staged: StagedBlob,
    range: PartRange,
    body: AsyncIterable<Uint8Array>,
    { by, signal }: BodySource = {},
  ): Promise<PartTag> {
    const upload = this.#getUpload(staged);
    const checksum = new PartChecksum(upload.checksum);
    const { length } = range;
    const file = await this.#spool.receive(checksum.update(body), { length, maxBytes: length, by, signal });
    try {
      const part = await this.#uploads.sendPart(upload, range.index + 1, { file, length, checksum: checksum.result() });
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
    const upload = this.#getUpload(staged);
    const size = staged.layout.fileSize;
    try {
      if (staged.layout.partCount === 0) await this.#completeEmpty(upload);
      else {
        await this.#uploads.complete(upload, tags.map(decodePartTag), (failure, timeout) =>
          resolveCompletion(this.#objectsAndUploads, upload, { size, goneError: blobGoneError, failure, timeout }),
        );
      }
    } catch (error) {
      const lost = isInvalidPart(error) ? await this.#findLostParts(upload, tags) : [];
      if (lost !== undefined && lost.length > 0) throw new LostPartsError(lost, { cause: error });
      if (lost !== undefined && !isNotFound(error)) throw s3UnavailableError(error);
      // Another call has completed it, just now or before a crash.
      if (await mapErrors(hasObject(this.#objects, upload.key, size))) return;
      throw blobGoneError(error);
    }
  }

  async put(blob: BlobId, body: AsyncIterable<Uint8Array>, by?: UserId): Promise<void> {
    await mapErrors(putObject({ spool: this.#spool, ...this.#objectsAndUploads, by }, this.#keys.blobKey(blob), body));
  }

  async read(blob: BlobId, range?: ByteRange): Promise<Readable> {
    return mapErrors(openObject(this.#objects, this.#keys.blobKey(blob), range));
  }

  async remove(target: BlobId | StagedBlob): Promise<void> {
    const blob = typeof target === 'string' ? target : target.blob;
    const key = this.#keys.blobKey(blob);
    await this.#spool.dropAll(`${blob}/`);
    // In the order in which an upload becomes an object, so that an upload that is completed meanwhile is still removed.
    await mapErrors(this.#abortAll(key, typeof target === 'string' ? undefined : decodeUpload(target, key)));
    await mapErrors(this.#objects.delete(key));
  }

  async exists(staged: StagedBlob): Promise<boolean> {
    const upload = this.#getUpload(staged);
    return mapErrors(this.#uploadOrObjectExists(upload));
  }

  async isComplete(blob: BlobId): Promise<boolean> {
    return (await mapErrors(this.#objects.findSize(this.#keys.blobKey(blob)))) !== undefined;
  }

  async *list(): AsyncGenerator<StoredBlob, void, undefined> {
    // In the order in which an upload becomes an object: one that is completed meanwhile can appear twice, but is never
    // missed.
    for await (const upload of this.#uploads.list(this.#keys.blobs)) {
      const blob = this.#keys.parseBlobKey(upload.key);
      const lastWrite = () => mapErrors(this.#findLastWrite(upload));
      if (blob !== undefined) yield { blob, kind: 'staged', modifiedAt: upload.createdAt, lastWrite };
    }
    for await (const { key, modifiedAt } of this.#objects.list(this.#keys.blobs)) {
      const blob = this.#keys.parseBlobKey(key);
      if (blob !== undefined) yield { blob, kind: 'complete', modifiedAt };
    }
  }

  /** One section is cheapest, because each call lists a thousand keys, whatever their prefix. */
  sections(): number {
    return 1;
  }

  async *find(): AsyncGenerator<FoundBlob, void, undefined> {
    for await (const { blob, modifiedAt, lastWrite = async () => modifiedAt } of this.list()) {
      yield { blob, lastWrite };
    }
  }

  get #objectsAndUploads(): { uploads: MultipartUploads; objects: S3Objects } {
    return { uploads: this.#uploads, objects: this.#objects };
  }

  #getUpload(staged: StagedBlob): MultipartUpload {
    const upload = decodeUpload(staged, this.#keys.blobKey(staged.blob));
    if (upload === undefined) throw new Error(`The upload of ${staged.blob} was not created on S3.`);
    return upload;
  }

  async #uploadOrObjectExists(upload: MultipartUpload): Promise<boolean> {
    return (await this.#uploads.exists(upload)) || (await this.#objects.findSize(upload.key)) !== undefined;
  }

  /** Finds when the newest part was stored, or the upload was created. Returns now if it was just completed or aborted. */
  async #findLastWrite(upload: ListedUpload): Promise<Millis> {
    const parts = await this.#uploads.listParts(upload);
    if (parts === undefined) return Date.now();
    return parts.reduce((last, { storedAt }) => Math.max(last, storedAt), upload.createdAt);
  }

  /** Aborts the uploads of a key. If none is given, lists them on S3, since a crash can leave one that no row references. */
  async #abortAll(key: string, upload: MultipartUpload | undefined): Promise<void> {
    if (upload !== undefined) return this.#uploads.abort(upload);
    for await (const found of this.#uploads.list(key)) if (found.key === key) await this.#uploads.abort(found);
  }

  /** Stores an empty object and then aborts the upload, because S3 cannot complete an upload without parts. */
  async #completeEmpty(upload: MultipartUpload): Promise<void> {
    if (!(await this.#uploads.exists(upload)))
      throw new S3Error('ListParts', { code: 'NoSuchUpload', retryable: false });
    await this.#objects.putText(upload.key, '', 'application/octet-stream');
    await this.#uploads.abort(upload);
  }

  /**
   * Finds the parts that S3 does not have with the ETags of their tags: a late request has overwritten them, or they never
   * existed. Returns undefined if the upload no longer exists.
   */
  async #findLostParts(upload: MultipartUpload, tags: readonly PartTag[]): Promise<number[] | undefined> {
    const parts = await mapErrors(this.#uploads.listParts(upload));
    if (parts === undefined) return undefined;
    // SeaweedFS lists all parts that were sent with a number, and uses the one with the given ETag.
    const stored = new Set(parts.map(({ number, etag }) => `${number} ${etag}`));
    const lost = tags.map(decodePartTag).filter(({ number, etag }) => !stored.has(`${number} ${etag}`));
    return lost.map(({ number }) => number - 1);
  }
}

function spoolKey({ blob }: StagedBlob, { index }: PartRange): string {
  return `${blob}/${index}`;
}

function isInvalidPart(error: unknown): boolean {
  return error instanceof S3Error && error.code === 'InvalidPart';
}

async function mapErrors<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw s3UnavailableError(error);
  }
}

/** Encodes a part for its row: `ETAG`, or `ETAG CRC32` (base64) if S3 stores a CRC-32. */
function encodePartTag({ etag, crc32 }: MultipartPart): PartTag {
  return crc32 === undefined ? etag : `${etag} ${crc32}`;
}

function decodePartTag(tag: PartTag, index: number): MultipartPart {
  const [etag = '', crc32] = tag.split(' ');
  return { number: index + 1, etag, ...(crc32 !== undefined && { crc32 }) };
}

/** Encodes an upload for its session's row: `UPLOAD-ID`, or `crc32 UPLOAD-ID` if S3 stores a CRC-32 of each part. */
function encodeUpload({ id, checksum }: MultipartUpload): string {
  return checksum === 'crc32' ? `crc32 ${id}` : id;
}

/** Decodes the upload of a staged blob. Returns undefined if it was not created on S3. */
function decodeUpload({ backendState }: StagedBlob, key: string): MultipartUpload | undefined {
  if (backendState === undefined) return undefined;
  const [first = '', second] = backendState.split(' ');
  return second === undefined ? { key, id: first, checksum: 'sha256' } : { key, id: second, checksum: 'crc32' };
}
