import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Millis } from '@partway/protocol/ids';
import type { VerifiedFile } from '../spool/spooled-body.ts';
import type { ChecksumKind } from './checksums.ts';
import { toLocalTime } from './client.ts';
import { S3Error } from './errors.ts';
import { type Bucket, call, callWithBody, ignoreNotFound, objectParams } from './retry.ts';

/** An upload in progress on S3, and how its parts are verified. */
export interface MultipartUpload {
  key: string;
  id: string;
  checksum: ChecksumKind;
}

/** A part, as S3 identifies it. */
export interface MultipartPart {
  number: number;
  etag: string;
  crc32?: string;
}

/** A part, as S3 lists it. */
interface ListedPart {
  number: number;
  etag: string;
  storedAt: Millis;
}

/** An upload, as S3 lists it. */
export interface ListedUpload {
  key: string;
  id: string;
  createdAt: Millis;
}

/** Best-effort cleanup uses short timeouts. */
const CLEANUP_LIMITS = { timeout: 5_000, idleTimeout: 5_000 };

/** The multipart uploads of one bucket. */
export class MultipartUploads {
  readonly #bucket: Bucket;
  /** Whether to ask S3 to store a CRC-32 of each part. Set to false once S3 has rejected this as unknown. */
  #askForCrc32: boolean;

  constructor(bucket: Bucket, { askForCrc32 }: { askForCrc32: boolean }) {
    this.#bucket = bucket;
    this.#askForCrc32 = askForCrc32;
  }

  /** @param crc32 Whether parts are verified by CRC-32, if the store supports it. Otherwise their SHA-256 is signed. */
  async create(key: string, { crc32 }: { crc32: boolean }): Promise<MultipartUpload> {
    const withCrc32 = crc32 && this.#askForCrc32;
    const input = { ...objectParams(this.#bucket, key), ...(withCrc32 && { ChecksumAlgorithm: 'CRC32' as const }) };
    let attempts = 0;
    try {
      const { UploadId: id, ChecksumAlgorithm: algorithm } = await call(
        'CreateMultipartUpload',
        this.#bucket.limits.call,
        (options) => {
          attempts += 1;
          return this.#bucket.client.send(new CreateMultipartUploadCommand(input), options);
        },
      );
      if (id === undefined) throw new Error('S3 created an upload without returning an ID.');
      if (attempts > 1) await this.#abortOthers({ key, id }).catch(() => {});
      return { key, id, checksum: algorithm === 'CRC32' ? 'crc32' : 'sha256' };
    } catch (error) {
      if (!withCrc32 || !isUnsupported(error)) throw error;
      this.#askForCrc32 = false;
      return this.create(key, { crc32: false });
    }
  }

  async sendPart({ key, id }: MultipartUpload, number: number, body: VerifiedFile): Promise<MultipartPart> {
    const input = { ...objectParams(this.#bucket, key), UploadId: id, PartNumber: number };
    const { ETag } = await callWithBody('UploadPart', this.#bucket.limits.body, body, (bodyInput, options) =>
      this.#bucket.client.send(new UploadPartCommand({ ...input, ...bodyInput }), options),
    );
    if (ETag === undefined) throw new Error('S3 stored a part without returning an ETag.');
    return { number, etag: unquote(ETag), ...('crc32' in body.checksum && { crc32: body.checksum.crc32 }) };
  }

  /** @param outcome Finds out what has become of the upload if the response was lost. It can take as long as `timeout`. */
  async complete(
    { key, id }: MultipartUpload,
    parts: readonly MultipartPart[],
    outcome: (failure: S3Error, timeout: Millis) => Promise<true | undefined>,
  ): Promise<void> {
    const Parts = parts.map(({ number, etag, crc32 }) => ({
      PartNumber: number,
      ETag: etag,
      ...(crc32 !== undefined && { ChecksumCRC32: crc32 }),
    }));
    const input = { ...objectParams(this.#bucket, key), UploadId: id, MultipartUpload: { Parts } };
    const { complete } = this.#bucket.limits;
    const limits = { ...complete, outcome: (failure: S3Error) => outcome(failure, complete.idleTimeout) };
    await call('CompleteMultipartUpload', limits, async (options) => {
      await this.#bucket.client.send(new CompleteMultipartUploadCommand(input), options);
      return true;
    });
  }

  /** Idempotent. If a part arrives afterward, S3 can list the upload again, which then can be aborted again. */
  async abort({ key, id }: Pick<MultipartUpload, 'key' | 'id'>): Promise<void> {
    const input = { ...objectParams(this.#bucket, key), UploadId: id };
    await ignoreNotFound(
      call('AbortMultipartUpload', this.#bucket.limits.call, (options) =>
        this.#bucket.client.send(new AbortMultipartUploadCommand(input), options),
      ),
    );
  }

  /**
   * Aborts other uploads of the same key, which an attempt whose response was lost can have created. When the key belongs to
   * a file, its uploads are no orphans, and S3 would list them until the file is deleted. They have no parts and cost
   * nothing, so this is tried once. Any that S3 creates later are removed with the file.
   */
  async #abortOthers({ key, id }: Pick<MultipartUpload, 'key' | 'id'>): Promise<void> {
    for await (const found of this.list(key, CLEANUP_LIMITS)) {
      if (found.key === key && found.id !== id) await this.abort(found);
    }
  }

  /** Whether the upload still exists. */
  async exists({ key, id }: MultipartUpload): Promise<boolean> {
    const input = { ...objectParams(this.#bucket, key), UploadId: id, MaxParts: 1 };
    const page = await ignoreNotFound(
      call('ListParts', this.#bucket.limits.call, (options) =>
        this.#bucket.client.send(new ListPartsCommand(input), options),
      ),
    );
    return page !== undefined;
  }

  /** Lists the parts of an upload. Returns undefined if the upload does not exist. */
  async listParts({ key, id }: Pick<MultipartUpload, 'key' | 'id'>): Promise<ListedPart[] | undefined> {
    const parts: ListedPart[] = [];
    let after: string | undefined;
    do {
      const input = { ...objectParams(this.#bucket, key), UploadId: id, ...(after && { PartNumberMarker: after }) };
      const page = await ignoreNotFound(
        call('ListParts', this.#bucket.limits.call, (options) =>
          this.#bucket.client.send(new ListPartsCommand(input), options),
        ),
      );
      if (page === undefined) return undefined;
      for (const { PartNumber: number, ETag, LastModified } of page.Parts ?? []) {
        if (number === undefined || ETag === undefined) continue;
        parts.push({ number, etag: unquote(ETag), storedAt: toLocalTime(this.#bucket, LastModified) });
      }
      after = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    } while (after !== undefined);
    return parts;
  }

  async *list(prefix: string, limits = this.#bucket.limits.call): AsyncGenerator<ListedUpload, void, undefined> {
    let after: PageMarker = {};
    for (;;) {
      const page = await this.#page(prefix, after, limits);
      for (const { Key: key, UploadId: id, Initiated } of page.Uploads ?? []) {
        if (key !== undefined && id !== undefined) yield { key, id, createdAt: toLocalTime(this.#bucket, Initiated) };
      }
      if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return;
      after = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  async #page(
    prefix: string,
    after: PageMarker,
    limits: Bucket['limits']['call'],
  ): Promise<ListMultipartUploadsCommandOutput> {
    const input = { Bucket: this.#bucket.name, Prefix: prefix, ...after };
    try {
      return await call('ListMultipartUploads', limits, (options) =>
        this.#bucket.client.send(new ListMultipartUploadsCommand(input), options),
      );
    } catch (error) {
      if (after.UploadIdMarker === undefined || !isUnsupported(error)) throw error;
      // versitygw rejects upload markers, and other stores reject the marker of a deleted upload. Continue after its key.
      return this.#page(prefix, { KeyMarker: after.KeyMarker }, limits);
    }
  }
}

/** Where a page of uploads starts. */
interface PageMarker {
  KeyMarker?: string | undefined;
  UploadIdMarker?: string | undefined;
}

/** Whether the store rejected a parameter that it does not know. Other stores ignore those. */
function isUnsupported(error: unknown): boolean {
  return (
    error instanceof S3Error && (error.status === 501 || ['InvalidRequest', 'InvalidArgument'].includes(error.code))
  );
}

function unquote(etag: string): string {
  return etag.replaceAll('"', '');
}
