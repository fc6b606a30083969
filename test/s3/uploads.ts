import { ListPartsCommand } from '@aws-sdk/client-s3';
import type { ContentStore, Receipt, Staging } from '../../packages/server/src/storage/blob-store.ts';
import { bodyOf, bytesOfSize, collect, grid, newContentId, slotsOf } from '../conformance/content-samples.ts';
import { LEAST_PART, newTestClient, TEST_BUCKET } from './test-store.ts';

/** As small as the store takes it, and more than one chunk. */
export const PART = Math.max(64 * 1024, LEAST_PART);

export interface Upload {
  staging: Staging;
  bytes: Uint8Array;
}

/** An upload of three parts and a bit, nothing of it sent. */
export async function begin(store: ContentStore, size = 3 * PART + 17): Promise<Upload> {
  return { staging: await store.begin(newContentId(), grid(size, PART)), bytes: bytesOfSize(size) };
}

/** Sends all parts, two at a time. */
export async function writeAll(store: ContentStore, { staging, bytes }: Upload): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  const left = slotsOf(staging.grid);
  async function send(): Promise<void> {
    for (let slot = left.shift(); slot !== undefined; slot = left.shift()) {
      receipts[slot.index] = await store.write(staging, slot, bodyOf(bytes, slot));
    }
  }
  await Promise.all([send(), send()]);
  return receipts;
}

export async function readAll(store: ContentStore, { staging }: Upload): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await collect(await store.open(staging.content))));
}

/** Whether S3 keeps what was written of a part before, and takes that by its ETag, as SeaweedFS does. */
export async function keepsAllOf(prefix: string, { staging }: Upload, number: number): Promise<boolean> {
  const client = newTestClient();
  const Key = `${prefix}/content/${staging.content}`;
  const upload = { Bucket: TEST_BUCKET, Key, UploadId: staging.driver };
  const { Parts } = await client.send(new ListPartsCommand({ ...upload, PartNumberMarker: String(number - 1) }));
  client.destroy();
  return (Parts ?? []).filter(({ PartNumber }) => PartNumber === number).length > 1;
}
