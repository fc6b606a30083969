import { ListPartsCommand } from '@aws-sdk/client-s3';
import type { BlobStore, PartTag, StagedBlob } from '../../packages/server/src/storage/blob-store.ts';
import {
  collect,
  partLayout,
  partRanges,
  randomBlobId,
  randomBytesOfSize,
  streamPart,
} from '../conformance/blob-samples.ts';
import { MIN_PART, newTestClient, TEST_BUCKET } from './test-store.ts';

/** As small as the store accepts, and more than one chunk. */
export const PART = Math.max(64 * 1024, MIN_PART);

export interface Upload {
  staged: StagedBlob;
  bytes: Uint8Array;
}

/** Creates an upload of three parts and a few bytes, with nothing sent. */
export async function createStaged(store: BlobStore, size = 3 * PART + 17): Promise<Upload> {
  return { staged: await store.create(randomBlobId(), partLayout(size, PART)), bytes: randomBytesOfSize(size) };
}

/** Sends all parts, two at a time. */
export async function writeAll(store: BlobStore, { staged, bytes }: Upload): Promise<PartTag[]> {
  const receipts: PartTag[] = [];
  const left = partRanges(staged.layout);
  async function send(): Promise<void> {
    for (let slot = left.shift(); slot !== undefined; slot = left.shift()) {
      receipts[slot.index] = await store.writePart(staged, slot, streamPart(bytes, slot));
    }
  }
  await Promise.all([send(), send()]);
  return receipts;
}

export async function readAll(store: BlobStore, { staged }: Upload): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await collect(await store.read(staged.blob))));
}

/** Whether S3 keeps earlier versions of a part and accepts them by ETag, as SeaweedFS does. */
export async function keepsEarlierParts(prefix: string, { staged }: Upload, number: number): Promise<boolean> {
  const client = newTestClient();
  const Key = `${prefix}/blobs/${staged.blob}`;
  const upload = { Bucket: TEST_BUCKET, Key, UploadId: staged.backendState };
  const { Parts } = await client.send(new ListPartsCommand({ ...upload, PartNumberMarker: String(number - 1) }));
  client.destroy();
  return (Parts ?? []).filter(({ PartNumber }) => PartNumber === number).length > 1;
}
