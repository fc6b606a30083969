import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startServer } from '../support/server.ts';
import { s3Settings } from '../support/storage.ts';
import { startS3Proxy } from './s3-proxy.ts';
import { newLocation, s3Url, TEST_BUCKET, timeFor, whyNoS3 } from './test-store.ts';

const place = () => `s3://${TEST_BUCKET}/${newLocation().prefix}`;

/** Responses of S3, and the message for the operator. */
const ERRORS: [status: number, code: string, sentence: RegExp][] = [
  [403, 'AccessDenied', /lack a permission\. docs\/operate\/s3.md lists/],
  [404, 'XAdminUserNotFound', /does not know this access key\. Correct AWS_ACCESS_KEY_ID/],
  [403, 'RequestTimeTooSkewed', /This machine's clock .* 15 minutes\. Synchronize/],
  [400, 'ExpiredToken', /credentials have expired\. Renew them/],
  [400, 'AuthorizationHeaderMalformed', /in another region\. Set AWS_REGION/],
  [301, 'PermanentRedirect', /in another region\. Set AWS_REGION/],
];

describe('a server that cannot use its S3 store does not start and reports why', {
  skip: whyNoS3 ?? false,
  timeout: timeFor(240_000),
}, () => {
  for (const [status, code, sentence] of ERRORS) {
    it(`if S3 responds ${code}`, async () => {
      await using proxy = await startS3Proxy();
      proxy.faults.push({ operation: 'ListObjectsV2', sendError: { status, code }, times: 1_000 });
      await assertStartFails(s3Settings(proxy.url, place()), sentence);
    });
  }

  it('if the bucket does not exist', async () => {
    await assertStartFails(
      s3Settings(s3Url(), 's3://no-such-bucket/x'),
      /The bucket does not exist\. Create it, or correct PARTWAY_STORAGE/,
    );
  });

  it('if the access key is unknown', async () => {
    const settings = { ...s3Settings(s3Url(), place()), AWS_ACCESS_KEY_ID: 'nobody' };
    await assertStartFails(settings, /does not know this access key\. Correct AWS_ACCESS_KEY_ID/);
  });

  it('if the secret key does not match the access key, without showing it', async () => {
    const settings = { ...s3Settings(s3Url(), place()), AWS_SECRET_ACCESS_KEY: 'not the secret' };
    const message = await assertStartFails(settings, /secret key does not match the access key/);
    assert.ok(!message.includes('not the secret'));
  });

  it('if there are no credentials', async () => {
    const nowhere = { HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true', AWS_ACCESS_KEY_ID: '' };
    const settings = { ...s3Settings(s3Url(), place()), ...nowhere };
    await assertStartFails(settings, /No credentials were found\. Set AWS_ACCESS_KEY_ID/);
  });

  it('if nothing responds', async () => {
    const proxy = await startS3Proxy();
    await proxy.refuse();
    await assertStartFails(s3Settings(proxy.url, place()), /There is no response\. Check that the store is running/);
  });

  it('if AWS is used without a region', async () => {
    const settings = { ...s3Settings('', place()), HOME: '/nonexistent', AWS_REGION: '' };
    await assertStartFails(settings, /No AWS region is configured\. Set AWS_REGION/);
  });

  it('if the prefix belongs to another database', async () => {
    const settings = s3Settings(s3Url(), place());
    {
      await using server = await startServer({ env: settings });
      const answer = await fetch(`${server.url}/2.0/files/content`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.token}` },
        body: createForm('a file'),
      });
      assert.equal(answer.status, 201);
    }
    await assertStartFails(settings, /not known to belong to this database\. Starting would delete them/);
  });
});

describe('a server on S3', { skip: whyNoS3 ?? false, timeout: timeFor(60_000) }, () => {
  it('is ready while S3 responds, and not ready otherwise', async () => {
    await using proxy = await startS3Proxy();
    await using server = await startServer({ env: s3Settings(proxy.url, place()) });
    const ready = async () => {
      const answer = await fetch(`${server.url}/readyz`);
      return { status: answer.status, ...((await answer.json()) as { checks: { storage: string } }).checks };
    };
    assert.deepEqual(await ready(), { status: 200, database: 'ok', storage: 'ok' });
    await proxy.refuse();
    while ((await ready()).storage !== 'failed');
    await proxy.accept();
    while ((await ready()).storage !== 'ok');
  });
});

/** Starts a server that must not come up, and returns its message. */
async function assertStartFails(env: Record<string, string>, sentence: RegExp): Promise<string> {
  let message = '';
  await assert.rejects(
    async () => {
      await using _up = await startServer({ env });
    },
    (error: Error) => {
      message = error.message;
      return true;
    },
  );
  assert.match(message, sentence);
  assert.ok(!/\n\s+at /.test(message), `operators do not need a stack trace:\n${message}`);
  return message;
}

function createForm(text: string): FormData {
  const form = new FormData();
  form.append('attributes', JSON.stringify({ name: 'file.txt', parent: { id: '0' } }));
  form.append('file', new Blob([text]), 'file.txt');
  return form;
}
