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

/** An upload under way at S3, and how its parts are proven. */
export interface MultipartUpload {
  key: string;
  id: string;
  checksum: ChecksumKind;
}

/** A part as S3 knows it. */
export interface MultipartPart {
  number: number;
  etag: string;
  crc32?: string;
}

/** A part as S3 lists it. */
interface ListedPart {
  number: number;
  etag: string;
  storedAt: Millis;
}

/** An upload as S3 lists it. */
export interface ListedUpload {
  key: string;
  id: string;
  createdAt: Millis;
}

/** Nobody is kept waiting for long to leave no trace of what nobody needs. */
const TIDYING = { timeout: 5_000, idleTimeout: 5_000 };

/** The multipart uploads of one bucket. */
export class MultipartUploads {
  readonly #bucket: Bucket;
  /** Whether S3 is asked to keep a CRC-32 of each part; no more, once it has refused to know of such a thing. */
  #askForCrc32: boolean;

  constructor(bucket: Bucket, { askForCrc32 }: { askForCrc32: boolean }) {
    this.#bucket = bucket;
    this.#askForCrc32 = askForCrc32;
  }

  /** With `crc32`, parts are proven by that where the store knows how to; where it does not, by their signature. */
  async create(key: string, { crc32 }: { crc32: boolean }): Promise<MultipartUpload> {
    const asked = crc32 && this.#askForCrc32;
    const input = { ...objectParams(this.#bucket, key), ...(asked && { ChecksumAlgorithm: 'CRC32' as const }) };
    let tries = 0;
    try {
      const { UploadId: id, ChecksumAlgorithm: kept } = await call(
        'CreateMultipartUpload',
        this.#bucket.limits.call,
        (options) => {
          tries += 1;
          return this.#bucket.client.send(new CreateMultipartUploadCommand(input), options);
        },
      );
      if (id === undefined) throw new Error('S3 began an upload and gave it no id');
      if (tries > 1) await this.#abortOthers({ key, id }).catch(() => {});
      return { key, id, checksum: kept === 'CRC32' ? 'crc32' : 'sha256' };
    } catch (error) {
      if (!asked || !isNotKnown(error)) throw error;
      this.#askForCrc32 = false;
      return this.create(key, { crc32: false });
    }
  }

  async sendPart({ key, id }: MultipartUpload, number: number, body: VerifiedFile): Promise<MultipartPart> {
    const input = { ...objectParams(this.#bucket, key), UploadId: id, PartNumber: number };
    const { ETag } = await callWithBody('UploadPart', this.#bucket.limits.body, body, (bodyInput, options) =>
      this.#bucket.client.send(new UploadPartCommand({ ...input, ...bodyInput }), options),
    );
    if (ETag === undefined) throw new Error('S3 took a part and gave it no ETag');
    return { number, etag: unquoted(ETag), ...('crc32' in body.checksum && { crc32: body.checksum.crc32 }) };
  }

  /** `outcome` says what has become of the upload where S3's answer was none; it may wait for `timeout`. */
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

  /** Idempotent. A part still on its way may outlive it: S3 lists the upload again then, and it can be aborted again. */
  async abort({ key, id }: Pick<MultipartUpload, 'key' | 'id'>): Promise<void> {
    const input = { ...objectParams(this.#bucket, key), UploadId: id };
    await ignoreNotFound(
      call('AbortMultipartUpload', this.#bucket.limits.call, (options) =>
        this.#bucket.client.send(new AbortMultipartUploadCommand(input), options),
      ),
    );
  }

  /**
   * A try whose answer was lost may have begun one more upload, of which only the key is known. Once that is a file's it
   * is no orphan's any more, and the upload would be listed for as long as the file is there. It has no part and costs
   * nothing, so it is tried once; a try that S3 does later still goes with the file.
   */
  async #abortOthers({ key, id }: Pick<MultipartUpload, 'key' | 'id'>): Promise<void> {
    for await (const found of this.list(key, TIDYING)) {
      if (found.key === key && found.id !== id) await this.abort(found);
    }
  }

  /** Whether there is such an upload still. */
  async exists({ key, id }: MultipartUpload): Promise<boolean> {
    const input = { ...objectParams(this.#bucket, key), UploadId: id, MaxParts: 1 };
    const page = await ignoreNotFound(
      call('ListParts', this.#bucket.limits.call, (options) =>
        this.#bucket.client.send(new ListPartsCommand(input), options),
      ),
    );
    return page !== undefined;
  }

  /** The parts that S3 has of an upload; undefined where there is no such upload. */
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
        parts.push({ number, etag: unquoted(ETag), storedAt: toLocalTime(this.#bucket, LastModified) });
      }
      after = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    } while (after !== undefined);
    return parts;
  }

  async *list(prefix: string, limits = this.#bucket.limits.call): AsyncGenerator<ListedUpload, void, undefined> {
    let after: Marker = {};
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
    after: Marker,
    limits: Bucket['limits']['call'],
  ): Promise<ListMultipartUploadsCommandOutput> {
    const input = { Bucket: this.#bucket.name, Prefix: prefix, ...after };
    try {
      return await call('ListMultipartUploads', limits, (options) =>
        this.#bucket.client.send(new ListMultipartUploadsCommand(input), options),
      );
    } catch (error) {
      if (after.UploadIdMarker === undefined || !isNotKnown(error)) throw error;
      // versitygw knows no marker, and others none whose upload has gone: then it goes on behind its key.
      return this.#page(prefix, { KeyMarker: after.KeyMarker }, limits);
    }
  }
}

/** Where a page of uploads begins. */
interface Marker {
  KeyMarker?: string | undefined;
  UploadIdMarker?: string | undefined;
}

/** Some stores refuse what others pass over in silence. */
function isNotKnown(error: unknown): boolean {
  return (
    error instanceof S3Error && (error.status === 501 || ['InvalidRequest', 'InvalidArgument'].includes(error.code))
  );
}

function unquoted(etag: string): string {
  return etag.replaceAll('"', '');
}
