import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openS3Client, toLocalTime } from '../../packages/server/src/storage/s3/client.ts';
import { S3Objects } from '../../packages/server/src/storage/s3/objects.ts';
import type { Bucket } from '../../packages/server/src/storage/s3/retry.ts';
import { SpooledFile } from '../../packages/server/src/storage/spool/spooled-body.ts';
import { randomBytesOfSize } from '../conformance/blob-samples.ts';
import { startFakeS3, xml } from './fake-s3.ts';
import { temporaryFolder } from './temporary-folder.ts';

const MINUTES = 60_000;

describe('the S3 client', () => {
  it('takes the region from the environment, and needs one for AWS S3 only', async (t) => {
    withEnv(t, { AWS_REGION: undefined, AWS_CONFIG_FILE: '/nonexistent', AWS_SHARED_CREDENTIALS_FILE: '/nonexistent' });
    const other = { bucket: 'b', endpoint: 'http://127.0.0.1:1', pathStyle: true };
    const aws = { bucket: 'b', endpoint: undefined, pathStyle: false };
    assert.equal(await readRegion(other), 'us-east-1');
    await assert.rejects(readRegion(aws), /AWS_REGION/);
    process.env.AWS_REGION = 'eu-central-1';
    assert.equal(await readRegion(other), 'eu-central-1');
    assert.equal(await readRegion(aws), 'eu-central-1');
  });

  it('sends a call once, so that only one place counts and waits', async (t) => {
    const { proxy, client } = await startFakeS3(t, [
      { operation: 'ListObjectsV2', sendError: { status: 500, code: 'InternalError' }, times: 10 },
    ]);
    const bucket: Bucket = { client, name: 'b', limits: singleTryLimits() };
    await assert.rejects(new S3Objects(bucket).findKey('x'), { code: 'InternalError' });
    assert.equal(proxy.calls.length, 1);
  });

  it('signs a spooled body with its known checksum, and sends it without waiting for 100 Continue', async (t) => {
    const { proxy, bucket } = await startFakeS3(t, [{ operation: 'PutObject', serve: Buffer.alloc(0), times: 2 }]);
    const bytes = randomBytesOfSize(3 * 2 ** 20);
    const path = join(await temporaryFolder(t), '0');
    await writeFile(path, bytes);
    const file = new SpooledFile(path, { markCached() {}, release() {} });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const objects = new S3Objects(bucket);
    await objects.put('k', { file, length: bytes.length, checksum: { sha256 } });
    await objects.put('k', { file, length: bytes.length, checksum: { crc32: 'AAAAAA==' } });
    const sent = proxy.headers.map((headers) => [headers['x-amz-content-sha256'], headers['x-amz-checksum-crc32']]);
    assert.deepEqual(sent, [
      [sha256, undefined],
      ['UNSIGNED-PAYLOAD', 'AAAAAA=='],
    ]);
    for (const { expect, 'content-length': length } of proxy.headers) {
      assert.equal(expect, undefined);
      assert.equal(length, String(bytes.length));
    }
  });

  it('waits for a response as long as the caller allows', async (t) => {
    const { bucket } = await startFakeS3(t, [
      { ...xml('ListObjectsV2', '<ListBucketResult/>'), until: new Promise((resolve) => setTimeout(resolve, 300)) },
    ]);
    assert.equal(await new S3Objects(bucket).findKey('x'), undefined);
  });
});

describe('a time from S3', () => {
  it('is unchanged if the clocks differ by less than five minutes, and corrected by the difference otherwise', () => {
    const told = new Date(1_000_000_000_000);
    for (const [ahead, corrected] of [
      [0, 0],
      [5 * MINUTES - 1, 0],
      [-5 * MINUTES + 1, 0],
      [5 * MINUTES, 5 * MINUTES],
      [-60 * MINUTES, -60 * MINUTES],
    ] as const) {
      assert.equal(toLocalTime(createBucket(ahead), told), told.getTime() - corrected);
    }
  });

  it('is the current time if S3 sends none', () => {
    const before = Date.now();
    const time = toLocalTime(createBucket(60 * MINUTES), undefined);
    assert.ok(time >= before && time <= Date.now());
  });
});

function singleTryLimits() {
  const limit = { timeout: 60_000, idleTimeout: 60_000, outcome: (failure: Error) => Promise.reject(failure) };
  return { call: limit, body: limit, complete: limit };
}

async function readRegion(address: Parameters<typeof openS3Client>[0]): Promise<string> {
  const client = await openS3Client(address);
  try {
    return await client.config.region();
  } finally {
    client.destroy();
  }
}

function createBucket(ahead: number): Bucket {
  return { client: { config: { systemClockOffset: ahead } } } as unknown as Bucket;
}

function withEnv(t: TestContext, values: Record<string, string | undefined>): void {
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
