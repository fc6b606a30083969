import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { Millis } from '@partway/protocol/ids';
import type { ByteRange } from '../blob-store.ts';
import type { VerifiedFile } from '../spool/spooled-body.ts';
import { toLocalTime } from './client.ts';
import { S3Error } from './errors.ts';
import { type Bucket, call, callWithBody, ignoreNotFound, objectParams } from './retry.ts';

/** An object, as S3 lists it. */
interface ListedObject {
  key: string;
  modifiedAt: Millis;
}

/** The objects of one bucket. */
export class S3Objects {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async put(key: string, body: VerifiedFile): Promise<void> {
    await callWithBody('PutObject', this.#bucket.limits.body, body, (bodyInput, options) =>
      this.#bucket.client.send(new PutObjectCommand({ ...objectParams(this.#bucket, key), ...bodyInput }), options),
    );
  }

  async putText(key: string, text: string, type = 'application/json'): Promise<void> {
    const input = {
      ...objectParams(this.#bucket, key),
      Body: text,
      ContentLength: Buffer.byteLength(text),
      ContentType: type,
    };
    await call('PutObject', this.#bucket.limits.call, (options) =>
      this.#bucket.client.send(new PutObjectCommand(input), options),
    );
  }

  /** Reads an object as text. Returns undefined if it does not exist. */
  async getText(key: string): Promise<string | undefined> {
    return ignoreNotFound(
      call('GetObject', this.#bucket.limits.call, async (options) => {
        const { Body } = await this.#bucket.client.send(new GetObjectCommand(objectParams(this.#bucket, key)), options);
        return (await Body?.transformToString()) ?? '';
      }),
    );
  }

  /** Starts to read an object or a range of it. The body comes from one response of S3, which can break off. */
  async get(key: string, range?: ByteRange): Promise<{ body: Readable; length: number }> {
    const input = { ...objectParams(this.#bucket, key), ...(range && { Range: `bytes=${range.first}-${range.last}` }) };
    return call('GetObject', this.#bucket.limits.call, async (options) => {
      const response = await this.#bucket.client.send(new GetObjectCommand(input), options);
      const { Body, ContentLength, ContentRange } = response;
      if (Body === undefined || ContentLength === undefined) throw new Error('S3 returned an object without a body.');
      const body = Body as Readable;
      // A store that ignores ranges returns the whole object, which would corrupt a resumed read.
      if (range !== undefined && !ContentRange?.startsWith(`bytes ${range.first}-${range.last}/`)) {
        body.destroy();
        throw new S3Error('GetObject', { code: 'response with another range', retryable: false });
      }
      return { body, length: ContentLength };
    });
  }

  /** Returns the size of an object, or undefined if it does not exist. */
  async findSize(key: string): Promise<number | undefined> {
    const head = await ignoreNotFound(
      call('HeadObject', this.#bucket.limits.call, (options) =>
        this.#bucket.client.send(new HeadObjectCommand(objectParams(this.#bucket, key)), options),
      ),
    );
    return head?.ContentLength;
  }

  /** Idempotent. */
  async delete(key: string): Promise<void> {
    await ignoreNotFound(
      call('DeleteObject', this.#bucket.limits.call, (options) =>
        this.#bucket.client.send(new DeleteObjectCommand(objectParams(this.#bucket, key)), options),
      ),
    );
  }

  /** Finds any key with this prefix. This is the cheapest request that checks bucket, credentials and connection. */
  async findKey(prefix: string, limits = this.#bucket.limits.call): Promise<string | undefined> {
    const input = { Bucket: this.#bucket.name, Prefix: prefix, MaxKeys: 1 };
    const page = await call('ListObjectsV2', limits, (options) =>
      this.#bucket.client.send(new ListObjectsV2Command(input), options),
    );
    return page.Contents?.[0]?.Key;
  }

  async *list(prefix: string): AsyncGenerator<ListedObject, void, undefined> {
    let after: string | undefined;
    do {
      const input = { Bucket: this.#bucket.name, Prefix: prefix, ...(after && { ContinuationToken: after }) };
      const page = await call('ListObjectsV2', this.#bucket.limits.call, (options) =>
        this.#bucket.client.send(new ListObjectsV2Command(input), options),
      );
      for (const { Key: key, LastModified } of page.Contents ?? []) {
        if (key !== undefined) yield { key, modifiedAt: toLocalTime(this.#bucket, LastModified) };
      }
      after = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (after !== undefined);
  }
}
