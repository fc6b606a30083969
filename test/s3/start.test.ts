import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startServer } from '../support/server.ts';
import { s3Settings } from '../support/storage.ts';
import { startS3Proxy } from './s3-proxy.ts';
import { freshPlace, s3Url, TEST_BUCKET, timeFor, whyNoS3 } from './test-store.ts';

const place = () => `s3://${TEST_BUCKET}/${freshPlace().prefix}`;

/** What S3 says, and the sentence that the operator must read. */
const SAYS: [status: number, code: string, sentence: RegExp][] = [
  [403, 'AccessDenied', /lack a right: docs\/operate\/s3.md lists/],
  [404, 'XAdminUserNotFound', /does not know this access key\. Correct AWS_ACCESS_KEY_ID/],
  [403, 'RequestTimeTooSkewed', /clock of this machine .* 15 minutes: set it right/],
  [400, 'ExpiredToken', /credentials have expired\. Renew them/],
  [400, 'AuthorizationHeaderMalformed', /in another region\. Set AWS_REGION/],
  [301, 'PermanentRedirect', /in another region\. Set AWS_REGION/],
];

describe('a server that cannot use its S3 store does not start, and says in one sentence why', {
  skip: whyNoS3 ?? false,
  timeout: timeFor(240_000),
}, () => {
  for (const [status, code, sentence] of SAYS) {
    it(`where S3 says ${code}`, async () => {
      await using proxy = await startS3Proxy();
      proxy.faults.push({ operation: 'ListObjectsV2', answer: { status, code }, times: 1_000 });
      await assertSays(s3Settings(proxy.url, place()), sentence);
    });
  }

  it('where there is no such bucket', async () => {
    await assertSays(
      s3Settings(s3Url(), 's3://no-such-bucket/x'),
      /bucket is not there: make it, or correct PARTWAY_STORAGE/,
    );
  });

  it('where the access key is not known', async () => {
    const settings = { ...s3Settings(s3Url(), place()), AWS_ACCESS_KEY_ID: 'nobody' };
    await assertSays(settings, /does not know this access key\. Correct AWS_ACCESS_KEY_ID/);
  });

  it('where the secret key is not that of the access key, which it does not show', async () => {
    const settings = { ...s3Settings(s3Url(), place()), AWS_SECRET_ACCESS_KEY: 'not the secret' };
    const said = await assertSays(settings, /secret key does not match the access key/);
    assert.ok(!said.includes('not the secret'));
  });

  it('where there are no credentials', async () => {
    const nowhere = { HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true', AWS_ACCESS_KEY_ID: '' };
    const settings = { ...s3Settings(s3Url(), place()), ...nowhere };
    await assertSays(settings, /No credentials were found\. Set AWS_ACCESS_KEY_ID/);
  });

  it('where nothing answers', async () => {
    const proxy = await startS3Proxy();
    await proxy.refuse();
    await assertSays(s3Settings(proxy.url, place()), /There is no response\. Check that the store is running/);
  });

  it('where AWS is meant and no region is set', async () => {
    const settings = { ...s3Settings('', place()), HOME: '/nonexistent', AWS_REGION: '' };
    await assertSays(settings, /No AWS region is configured\. Set AWS_REGION/);
  });

  it('where the prefix belongs to another database', async () => {
    const settings = s3Settings(s3Url(), place());
    {
      await using server = await startServer({ env: settings });
      const answer = await fetch(`${server.url}/2.0/files/content`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.token}` },
        body: formOf('a file'),
      });
      assert.equal(answer.status, 201);
    }
    await assertSays(settings, /not known to belong to this database\. Starting would delete them/);
  });
});

describe('a server on S3', { skip: whyNoS3 ?? false, timeout: timeFor(60_000) }, () => {
  it('is ready while S3 answers, and says so when it does not', async () => {
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

/** Starts a server that must not come up, and gives what it said. */
async function assertSays(env: Record<string, string>, sentence: RegExp): Promise<string> {
  let said = '';
  await assert.rejects(
    async () => {
      await using _up = await startServer({ env });
    },
    (error: Error) => {
      said = error.message;
      return true;
    },
  );
  assert.match(said, sentence);
  assert.ok(!/\n\s+at /.test(said), `a stack is not for operators:\n${said}`);
  return said;
}

function formOf(text: string): FormData {
  const form = new FormData();
  form.append('attributes', JSON.stringify({ name: 'file.txt', parent: { id: '0' } }));
  form.append('file', new Blob([text]), 'file.txt');
  return form;
}
