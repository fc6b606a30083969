import { S3Client } from '@aws-sdk/client-s3';
import { createTestBucket } from '../s3/test-store.ts';
import { runTests } from '../support/run-tests.ts';
import { cephSkipReason, startCeph } from './ceph.ts';
import { findMinPartSize } from './min-part-size.ts';

/**
 * `npm run test:s3`: starts a Ceph, runs the suites of the S3 store and those that use a disk by default, and stops
 * it. `npm run test:s3 -- test/s3/faults.test.ts` runs only these files. `npm run test:s3 -- --store URL/BUCKET` uses
 * an existing store, with the credentials that the AWS SDK finds in the environment.
 */
const S3_SUITES = ['test/s3/**/*.test.ts'];
const SUITES = [...S3_SUITES, ...['faults', 'files', 'http', 'uploads'].map((folder) => `test/${folder}/**/*.test.ts`)];

const args = process.argv.slice(2);
const existing = args.includes('--store') ? args.splice(args.indexOf('--store'), 2)[1] : undefined;
await using store = existing === undefined ? await startOwnStore() : useExistingStore(existing);
Object.assign(process.env, {
  AWS_REGION: process.env.AWS_REGION ?? 'us-east-1',
  PARTWAY_TEST_S3: store.url,
  PARTWAY_TEST_STORAGE: `s3://${store.bucket}`,
});
const leastPart = await prepare(store);
process.env.PARTWAY_TEST_LEAST_PART = String(leastPart);
if (args.length === 0 && leastPart > 1024) {
  console.error('This store takes no part below 5 MiB: only the suites of the S3 store run over it.');
}
const suites = args.length > 0 ? args : leastPart > 1024 ? S3_SUITES : SUITES;
process.exitCode = await runTests(suites);

interface StoreForTests extends AsyncDisposable {
  url: string;
  bucket: string;
}

async function startOwnStore(): Promise<StoreForTests> {
  const reason = cephSkipReason();
  if (reason !== undefined) throw new Error(reason);
  const { url, accessKeyId, secretAccessKey, ...started } = await startCeph();
  process.env.AWS_ACCESS_KEY_ID = accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey;
  return { url, bucket: 'partway-test', [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
}

function useExistingStore(existing: string): StoreForTests {
  const { origin, pathname } = new URL(existing);
  const bucket = pathname.replaceAll('/', '') || 'partway-test';
  return { url: origin, bucket, [Symbol.asyncDispose]: async () => {} };
}

/** Ensures that the bucket exists; returns the minimum size of its parts. */
async function prepare({ url, bucket }: StoreForTests): Promise<number> {
  await createTestBucket(url, bucket);
  const client = new S3Client({ endpoint: url, forcePathStyle: true });
  try {
    return await findMinPartSize(client, bucket);
  } finally {
    client.destroy();
  }
}
