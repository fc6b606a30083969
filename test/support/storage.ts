import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { BlobStore, StoredBlob } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import { ByteBudget } from '../../packages/server/src/storage/s3/byte-budget.ts';
import { openS3Store } from '../../packages/server/src/storage/s3/open-s3-store.ts';
import { Spool } from '../../packages/server/src/storage/spool/spool.ts';
import { collect } from '../conformance/content-samples.ts';

/**
 * Where the bytes of the tests lie that do not care: on the disk, or, with PARTWAY_TEST_STORAGE=s3://BUCKET, below a
 * prefix of that bucket in the store at PARTWAY_TEST_S3, one for each data folder.
 */
const BUCKET = /^s3:\/\/([^/]+)$/.exec(process.env.PARTWAY_TEST_STORAGE ?? '')?.[1];

/** Why tests that look at the files of the data folder's store are passed over; undefined where they are not. */
export const bytesNotOnDisk: string | undefined = BUCKET && 'the bytes are on S3 in this run';

/** Settings of a server with this data folder. Below a part size of 5 MiB, as most tests want it, goes with Ceph. */
export function storageSettings(dataFolder: string): Record<string, string> {
  if (BUCKET === undefined) return {};
  return s3Settings(process.env.PARTWAY_TEST_S3 ?? '', `s3://${BUCKET}/${prefixOf(dataFolder)}`);
}

/** Settings of a server whose bytes lie at `storage`, in the store for tests behind `endpoint`. */
export function s3Settings(endpoint: string, storage: string): Record<string, string> {
  return {
    PARTWAY_STORAGE: storage,
    PARTWAY_S3_ENDPOINT: endpoint,
    PARTWAY_S3_MIN_PART_SIZE: '1KiB',
    AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID ?? '',
    AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY ?? '',
    AWS_REGION: process.env.AWS_REGION ?? 'us-east-1',
  };
}

/** A store whose place is that of `folder`; `close` it when the test is over. */
export async function openTestContent(
  folder: string,
  { files = new DurableFiles(), node = 'one' }: { files?: DurableFiles; node?: string } = {},
): Promise<{ blobs: BlobStore; close(): void }> {
  if (BUCKET === undefined) return { blobs: await openDiskStore(folder, { files }), close() {} };
  const spool = await Spool.open({ folder: join(folder, `spool-${node}`), size: 2 ** 28, budget: new ByteBudget() });
  const endpoint = process.env.PARTWAY_TEST_S3 ?? '';
  return openS3Store({ bucket: BUCKET, prefix: prefixOf(folder), endpoint, pathStyle: true }, spool);
}

/** All bytes that lie there for a server with this data folder, in any state. */
export async function storedFor(dataFolder: string): Promise<StoredBlob[]> {
  const { blobs, close } = await openTestContent(dataFolder, { node: 'onlooker' });
  try {
    return await collect(blobs.list());
  } finally {
    close();
  }
}

function prefixOf(folder: string): string {
  return createHash('sha1').update(folder).digest('hex').slice(0, 16);
}
