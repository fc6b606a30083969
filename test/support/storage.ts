import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { BlobStore, StoredBlob } from '../../packages/server/src/storage/blob-store.ts';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import { openS3Store } from '../../packages/server/src/storage/s3/open-s3-store.ts';
import { Spool } from '../../packages/server/src/storage/spool/spool.ts';
import { collect } from '../conformance/blob-samples.ts';

/**
 * Where tests store bytes by default: on disk or, with PARTWAY_TEST_STORAGE=s3://BUCKET, in that bucket of the store
 * at PARTWAY_TEST_S3, with one prefix per data folder.
 */
const BUCKET = /^s3:\/\/([^/]+)$/.exec(process.env.PARTWAY_TEST_STORAGE ?? '')?.[1];

/** Why tests that read the store's files in the data folder are skipped; undefined if they are not. */
export const bytesNotOnDisk: string | undefined = BUCKET && 'the bytes are on S3 in this run';

/** Settings of a server with this data folder. Most tests use parts below 5 MiB, which Ceph accepts. */
export function storageSettings(dataFolder: string): Record<string, string> {
  if (BUCKET === undefined) return {};
  return s3Settings(process.env.PARTWAY_TEST_S3 ?? '', `s3://${BUCKET}/${prefixOf(dataFolder)}`);
}

/** Settings of a server that stores bytes at `storage`, in the test store behind `endpoint`. */
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

/** Opens the store of `folder`; `close` it at the end of the test. */
export async function openTestStore(
  folder: string,
  { files = new DurableFiles(), node = 'one' }: { files?: DurableFiles; node?: string } = {},
): Promise<{ blobs: BlobStore; close(): void }> {
  if (BUCKET === undefined) return { blobs: await openDiskStore(folder, { files }), close() {} };
  const spool = await Spool.open({ folder: join(folder, `spool-${node}`), size: 2 ** 28, budget: new ByteBudget() });
  const endpoint = process.env.PARTWAY_TEST_S3 ?? '';
  return openS3Store({ bucket: BUCKET, prefix: prefixOf(folder), endpoint, pathStyle: true }, spool);
}

/** All bytes that a server with this data folder has stored, in any state. */
export async function listStoredBlobs(dataFolder: string): Promise<StoredBlob[]> {
  const { blobs, close } = await openTestStore(dataFolder, { node: 'onlooker' });
  try {
    return await collect(blobs.list());
  } finally {
    close();
  }
}

function prefixOf(folder: string): string {
  return createHash('sha1').update(folder).digest('hex').slice(0, 16);
}
