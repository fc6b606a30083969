import type { TestContext } from 'node:test';
import type { S3Client } from '@aws-sdk/client-s3';
import { openS3Client } from '../../packages/server/src/storage/s3/client.ts';
import type { Bucket, S3Limits } from '../../packages/server/src/storage/s3/retry.ts';
import { type S3Fault, type S3Proxy, startS3Proxy } from '../s3/s3-proxy.ts';

// So that the SDK has something to sign with. It is not checked.
process.env.AWS_ACCESS_KEY_ID ??= 'nobody';
process.env.AWS_SECRET_ACCESS_KEY ??= 'nothing';

const LIMIT = { timeout: 60_000, idleTimeout: 60_000 };

/** A server in place of S3. */
export interface FakeS3 {
  proxy: S3Proxy;
  client: S3Client;
  bucket: Bucket;
}

/**
 * Starts a server that sends the given responses, so that these tests need no S3 store. Every call needs a response.
 */
export async function startFakeS3(
  t: TestContext,
  answers: readonly S3Fault[] = [],
  limits: Partial<S3Limits> = {},
): Promise<FakeS3> {
  const proxy = await startS3Proxy();
  proxy.faults.push(...answers.map((answer) => ({ ...answer })));
  const client = await openS3Client({ bucket: 'bucket', endpoint: proxy.url, pathStyle: true });
  t.after(async () => {
    client.destroy();
    await proxy[Symbol.asyncDispose]();
  });
  const bucket = { client, name: 'bucket', limits: { call: LIMIT, body: LIMIT, complete: LIMIT, ...limits } };
  return { proxy, client, bucket };
}

/** A response in XML. */
export function xml(operation: S3Fault['operation'], body: string, headers: Record<string, string> = {}): S3Fault {
  return { operation, serve: Buffer.from(body), headers: { 'content-type': 'application/xml', ...headers } };
}
