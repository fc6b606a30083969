import type { TestContext } from 'node:test';
import type { S3Client } from '@aws-sdk/client-s3';
import { openS3Client } from '../../packages/server/src/storage/s3/client.ts';
import type { Bucket, S3Limits } from '../../packages/server/src/storage/s3/retry.ts';
import { type S3Fault, type S3Proxy, startS3Proxy } from '../s3/s3-proxy.ts';

// So that the SDK has something to sign with. Nobody checks it.
process.env.AWS_ACCESS_KEY_ID ??= 'nobody';
process.env.AWS_SECRET_ACCESS_KEY ??= 'nothing';

const LIMIT = { timeout: 60_000, idleTimeout: 60_000 };

/** What answers in place of S3. */
export interface AnsweringS3 {
  proxy: S3Proxy;
  client: S3Client;
  bucket: Bucket;
}

/** A server that answers what it is told to, so that these tests need no S3 store. Every call needs an answer. */
export async function answeringS3(
  t: TestContext,
  answers: readonly S3Fault[] = [],
  limits: Partial<S3Limits> = {},
): Promise<AnsweringS3> {
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

/** Such an answer in XML. */
export function xml(operation: S3Fault['operation'], body: string, headers: Record<string, string> = {}): S3Fault {
  return { operation, serve: Buffer.from(body), headers: { 'content-type': 'application/xml', ...headers } };
}
