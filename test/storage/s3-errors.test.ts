import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { StorageError } from '../../packages/server/src/storage/errors.ts';
import { isNotFound, S3Error, s3UnavailableError, toS3Error } from '../../packages/server/src/storage/s3/errors.ts';
import { S3Objects } from '../../packages/server/src/storage/s3/objects.ts';
import { startFakeS3 } from './fake-s3.ts';

/** Rejects with the first error. */
const ONCE = { call: { timeout: 60_000, idleTimeout: 60_000, outcome: (failure: S3Error) => Promise.reject(failure) } };

/** Responses of S3, whether the call is retried, and the name by which the response is known. */
const RESPONSES: [status: number, code: string, isRetried: boolean, name?: string][] = [
  [500, 'InternalError', true],
  [500, 'AnyCode', true],
  [501, 'NotImplemented', false],
  [502, 'BadGateway', true],
  [503, 'SlowDown', true],
  [408, 'AnyCode', true],
  [429, 'AnyCode', true],
  [400, 'AnyCode', false],
  [403, 'AccessDenied', false],
  [409, 'AnyCode', false],
  [300, 'AnyCode', false],
  [301, 'AnyCode', false, 'PermanentRedirect'],
  [307, 'AnyCode', false, 'PermanentRedirect'],
  [302, 'AnyCode', false],
  [400, 'BadDigest', true],
  [400, 'IncompleteBody', true],
  [400, 'RequestTimeout', true],
  [400, 'XAmzContentSHA256Mismatch', true],
  [400, 'InvalidDigest', true],
  [403, 'RequestTimeTooSkewed', true],
  [400, 'ExpiredToken', true],
];

describe('a response of S3', () => {
  for (const [status, code, isRetried, name = code] of RESPONSES) {
    it(`${status} ${code} is ${isRetried ? 'retried' : 'final'}`, async (t) => {
      const { error } = await failureAt(t, { status, code });
      assert.equal(error.name, 'S3Error');
      assert.equal(error.code, name);
      assert.equal(error.status, status);
      assert.equal(error.retryable, isRetried);
      assert.ok(error.message.startsWith(`S3 ListObjectsV2 failed: ${name}, ${status}. `.trim()), error.message);
    });
  }

  it('200 with an unreadable body counts as cut off and is retried', async (t) => {
    const { proxy, bucket } = await startFakeS3(t, [], ONCE);
    proxy.faults.push({ operation: 'ListObjectsV2', serve: Buffer.from('<ListBucketResult><Cont') });
    await assert.rejects(new S3Objects(bucket).findKey('x'), {
      code: 'unreadable response',
      status: 200,
      retryable: true,
    });
  });

  it('is retried if there is none', async (t) => {
    const { proxy, bucket } = await startFakeS3(t, [], ONCE);
    await proxy.refuse();
    await assert.rejects(new S3Objects(bucket).findKey('x'), {
      code: 'ECONNREFUSED',
      status: undefined,
      retryable: true,
      message: /^S3 ListObjectsV2 failed: ECONNREFUSED\. There is no response/,
    });
  });
});

describe('an error on the way to S3', () => {
  it('is named by its system code or class, and retried if it is temporary', () => {
    for (const [error, code] of [
      [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'ECONNRESET'],
      [Object.assign(new Error('x'), { code: 'ERR_STREAM_PREMATURE_CLOSE' }), 'ERR_STREAM_PREMATURE_CLOSE'],
      [Object.assign(new Error('x'), { code: 'HPE_INVALID_CONSTANT' }), 'HPE_INVALID_CONSTANT'],
      [Object.assign(new Error('x'), { name: 'TimeoutError' }), 'TimeoutError'],
      [Object.assign(new Error('x'), { name: 'AbortError', code: 20 }), 'AbortError'],
      [Object.assign(new Error('x'), { name: 'TimeoutError', code: 'ANY' }), 'TimeoutError'],
      [Object.assign(new Error('x'), { name: 'CredentialsProviderError' }), 'CredentialsProviderError'],
    ] as const) {
      const failure = toS3Error('Test', error);
      assert.ok(failure instanceof S3Error, code);
      assert.deepEqual([failure.code, failure.status, failure.retryable], [code, undefined, true]);
    }
  });

  it('is unchanged if it is not about S3, was mapped before, or is our own response', () => {
    for (const error of [
      new TypeError('a mistake of ours'),
      Object.assign(new Error('x'), { code: 'ENOENT' }),
      new S3Error('Test', { code: 'SlowDown', status: 503, retryable: true }),
      new StorageError('unavailable', 'come again'),
      'not an error',
    ]) {
      assert.equal(toS3Error('Test', error), error);
    }
  });

  it('that the client cannot parse as a response counts as cut off, whatever its name', () => {
    const failure = toS3Error('Test', Object.assign(new Error('x'), { $response: {}, $metadata: {} }));
    assert.ok(failure instanceof S3Error);
    assert.deepEqual([failure.code, failure.retryable], ['unreadable response', true]);
  });

  it("has S3's request ID in the log, so that the store's operator can find it", () => {
    const told = { code: 'SlowDown', status: 503, requestId: 'ab12', retryable: true };
    assert.equal(new S3Error('PutObject', told).message, 'S3 PutObject failed: SlowDown, 503, request ab12.');
    assert.equal(
      new S3Error('PutObject', { ...told, status: undefined, requestId: '' }).message,
      'S3 PutObject failed: SlowDown.',
    );
  });

  it('tells the client to retry if it is temporary, and is only logged otherwise', () => {
    const passing = new S3Error('Test', { code: 'SlowDown', status: 503, retryable: true });
    const refusal = s3UnavailableError(passing);
    assert.ok(refusal instanceof StorageError);
    assert.deepEqual([refusal.code, refusal.cause, refusal.retryAfterSeconds], ['unavailable', passing, 5]);
    const final = new S3Error('Test', { code: 'AccessDenied', status: 403, retryable: false });
    for (const error of [final, new TypeError('a mistake of ours')]) assert.equal(s3UnavailableError(error), error);
  });

  it('means "not found" with three names, and no others', () => {
    for (const code of ['NoSuchUpload', 'NoSuchKey', 'NotFound']) assert.ok(isNotFound(failure(code)));
    for (const error of [failure('NoSuchBucket'), new Error('NotFound'), undefined]) assert.ok(!isNotFound(error));
  });
});

function failure(code: string): S3Error {
  return new S3Error('Test', { code, status: 404, retryable: false });
}

async function failureAt(t: TestContext, answer: { status: number; code: string }): Promise<{ error: S3Error }> {
  const { bucket } = await startFakeS3(t, [{ operation: 'ListObjectsV2', sendError: answer, times: 10 }], ONCE);
  try {
    await new S3Objects(bucket).findKey('x');
  } catch (error) {
    assert.ok(error instanceof S3Error, String(error));
    return { error };
  }
  assert.fail('it was taken for done');
}
