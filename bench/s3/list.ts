/**
 * Measures how long a request takes that lists a thousand keys of a bucket, as garbage collection does. Starts its own Ceph.
 *
 *   node bench/s3/list.ts [--objects 5000]
 */
import { parseArgs } from 'node:util';
import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startCeph } from '../../test/engines/ceph.ts';
import { createTestBucket } from '../../test/s3/test-store.ts';
import { median, saveResults, spread } from '../support.ts';

const { values } = parseArgs({ options: { objects: { type: 'string', default: '5000' } } });
const objects = Number(values.objects);
const AT_ONCE = 16;
const ROUNDS = 5;

await using ceph = await startCeph();
process.env.AWS_ACCESS_KEY_ID = ceph.accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY = ceph.secretAccessKey;
await createTestBucket(ceph.url);
const client = new S3Client({ endpoint: ceph.url, forcePathStyle: true, region: 'us-east-1' });
const Bucket = 'partway-test';

let next = 0;
const lane = async () => {
  for (let n = next++; n < objects; n = next++) {
    const Key = `blobs/${n.toString(16).padStart(32, '0')}`;
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, lane));

const millis: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  let token: string | undefined;
  do {
    const begun = performance.now();
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket,
        Prefix: 'blobs/',
        ...(token !== undefined && { ContinuationToken: token }),
      }),
    );
    millis.push(performance.now() - begun);
    token = page.NextContinuationToken;
  } while (token !== undefined);
}
client.destroy();
console.log(
  `${median(millis).toFixed(0)} ms per request of a thousand keys (spread ${(spread(millis) * 100).toFixed(0)} %)`,
);
console.log(await saveResults('s3-list', { objects, medianMillis: median(millis), spread: spread(millis) }));
