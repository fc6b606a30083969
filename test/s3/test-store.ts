import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
import {
  type OpenedS3Store,
  openS3Store,
  type S3Location,
} from '../../packages/server/src/storage/s3/open-s3-store.ts';
import type { S3Limits } from '../../packages/server/src/storage/s3/retry.ts';
import { Spool } from '../../packages/server/src/storage/spool/spool.ts';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';

/** Why the S3 tests are skipped; undefined if they are not. `npm run test:s3` sets what they need. */
export const whyNoS3: string | undefined = process.env.PARTWAY_TEST_S3
  ? undefined
  : 'no S3 store to test on: npm run test:s3 starts a Ceph for these tests (Debian: ceph-mon ceph-mgr ceph-osd radosgw ceph-common)';

/** The endpoint of the S3 store for tests. */
export function s3Url(): string {
  return process.env.PARTWAY_TEST_S3 ?? '';
}

/** The bucket for tests in it. */
export const TEST_BUCKET = /^s3:\/\/([^/]+)$/.exec(process.env.PARTWAY_TEST_STORAGE ?? '')?.[1] ?? 'partway-test';

/** The size of test parts that are not the last one, in bytes: a power of two that the store accepts. */
export const MIN_PART = Number(process.env.PARTWAY_TEST_LEAST_PART ?? 1024);

/** The time limit of one or more tests, adjusted to the part size. */
export function timeFor(milliseconds: number): number {
  return milliseconds * (MIN_PART > 1024 ? 20 : 1);
}

/** A new place in that store. */
export function newLocation(endpoint = s3Url()): S3Location {
  return { bucket: TEST_BUCKET, prefix: randomBytes(8).toString('hex'), endpoint, pathStyle: true };
}

/** Creates the bucket for tests if it does not exist. */
export async function createTestBucket(endpoint: string, Bucket = TEST_BUCKET): Promise<void> {
  const client = new S3Client({ endpoint, forcePathStyle: true, region: process.env.AWS_REGION ?? 'us-east-1' });
  try {
    await client.send(new HeadBucketCommand({ Bucket }));
  } catch (error) {
    if (!(error instanceof Error && error.name === 'NotFound')) throw error;
    await client.send(new CreateBucketCommand({ Bucket }));
  } finally {
    client.destroy();
  }
}

/** A separate client for tests. */
export function newTestClient(): S3Client {
  return new S3Client({ endpoint: s3Url(), forcePathStyle: true, region: process.env.AWS_REGION ?? 'us-east-1' });
}

export interface TestStore extends OpenedS3Store {
  spool: Spool;
  /** Closes it and deletes its spool. */
  end(): void;
}

export interface TestStoreOptions {
  place?: S3Location;
  spoolSize?: number;
  /** How long a body waits for space in the spool. */
  patience?: number;
  /** The time limits of calls; by default those of the server. */
  limits?: S3Limits;
}

/** Opens a store with its own spool. */
export async function openTestStore(options: TestStoreOptions = {}): Promise<TestStore> {
  const { place = newLocation(), spoolSize = 2 ** 28, patience, limits } = options;
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-s3-')));
  const budget = new ByteBudget();
  const spool = await Spool.open({
    folder: join(folder, 'spool'),
    size: spoolSize,
    budget,
    ...(patience !== undefined && { timeout: patience }),
  });
  const opened = await openS3Store(place, spool, limits);
  return {
    ...opened,
    spool,
    end() {
      opened.close();
      deleteFolder(folder);
    },
  };
}
