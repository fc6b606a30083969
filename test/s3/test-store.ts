import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { ByteBudget } from '../../packages/server/src/storage/s3/byte-budget.ts';
import {
  type OpenedS3Store,
  openS3Store,
  type S3Location,
} from '../../packages/server/src/storage/s3/open-s3-store.ts';
import type { S3Limits } from '../../packages/server/src/storage/s3/retry.ts';
import { Spool } from '../../packages/server/src/storage/spool/spool.ts';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';

/** Why the tests on S3 are passed over; undefined where they are not. `npm run test:s3` sets what they need. */
export const whyNoS3: string | undefined = process.env.PARTWAY_TEST_S3
  ? undefined
  : 'no S3 store to test on: npm run test:s3 starts a Ceph for these tests (Debian: ceph-mon ceph-mgr ceph-osd radosgw ceph-common)';

/** Where the S3 store for tests answers. */
export function s3Url(): string {
  return process.env.PARTWAY_TEST_S3 ?? '';
}

/** The bucket for tests in it. */
export const TEST_BUCKET = /^s3:\/\/([^/]+)$/.exec(process.env.PARTWAY_TEST_STORAGE ?? '')?.[1] ?? 'partway-test';

/** The least size of a part that the tests send where there are others, in bytes: a power of two that the store takes. */
export const LEAST_PART = Number(process.env.PARTWAY_TEST_LEAST_PART ?? 1024);

/** The time of a test, or of several, with parts as big as they have to be. */
export function timeFor(milliseconds: number): number {
  return milliseconds * (LEAST_PART > 1024 ? 20 : 1);
}

/** A place in it that nobody used before. */
export function freshPlace(endpoint = s3Url()): S3Location {
  return { bucket: TEST_BUCKET, prefix: randomBytes(8).toString('hex'), endpoint, pathStyle: true };
}

/** Makes the bucket of the tests, where there is none. */
export async function makeTestBucket(endpoint: string, Bucket = TEST_BUCKET): Promise<void> {
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

/** A client of the tests' own. */
export function newTestClient(): S3Client {
  return new S3Client({ endpoint: s3Url(), forcePathStyle: true, region: process.env.AWS_REGION ?? 'us-east-1' });
}

export interface TestStore extends OpenedS3Store {
  spool: Spool;
  /** Closes it, and removes its spool. */
  end(): void;
}

export interface TestStoreOptions {
  place?: S3Location;
  spoolSize?: number;
  /** How long a body waits for room in the spool. */
  patience?: number;
  /** How long calls are tried; as ever where nothing is said. */
  limits?: S3Limits;
}

/** A store with a spool of its own. */
export async function openTestStore(options: TestStoreOptions = {}): Promise<TestStore> {
  const { place = freshPlace(), spoolSize = 2 ** 28, patience, limits } = options;
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
